"""`roundsman jobs`: URLs to be called at a time."""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.failures import Interrupted, NotObserved
from roundsman.commands.job_input import NumberOfSeconds, Payload, parsed_headers
from roundsman.commands.runs import STATES
from roundsman.job_rendering import job_table, print_job
from roundsman.resources.job_shapes import Job
from roundsman.resources.jobs import Jobs
from roundsman.resources.work import has_ended
from roundsman.visible import visible

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

# Most jobs that are due have ended by then, and this answer tells the id of one that has not.
FIRST_WAIT_SECONDS = 2
# For the time until a worker begins, and for the answer to be written.
MARGIN_SECONDS = 60
LONGEST_DELAY_SECONDS = 3_600 * 1.2
NOTHING = object()


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
def jobs(context: click.Context, state: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first; or `create` one, `show` one with its attempts, `cancel` or `retry` it."""
    if context.invoked_subcommand is not None:
        return
    with connected() as client:
        found = list(client.jobs.each(state=state, most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(job_table(found, datetime.now(UTC)))


@jobs.command()
@click.argument("job_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(job_id: UUID, as_json: bool) -> None:
    """Print the job JOB_ID with its attempts."""
    with connected() as client:
        _print(client.jobs.get(job_id), as_json)


@jobs.command()
@click.argument("uri")
@click.option("--payload", type=Payload(), default=NOTHING, metavar="JSON|@FILE", help="The JSON body; @- is stdin.")
@click.option("--at", "execute_at", metavar="TIME", help="When, such as 2026-03-01T12:00:00Z; at once if not given.")
@click.option("--delay", "delay_seconds", type=NumberOfSeconds(), help="In so many seconds.")
@click.option("--method", type=click.Choice(METHODS, case_sensitive=False), help="POST, if not given.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header; repeatable.")
@click.option("--error-uri", help="Called with the same payload should the job fail for good.")
@click.option("--wait", is_flag=True, help="Wait until it has ended; exit code 1 if it has not succeeded.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def create(
    uri: str, payload: Any, headers: tuple[str, ...], wait: bool, as_json: bool, **options: str | float | None
) -> None:
    """Call URI once, at a time or at once; retried where that makes sense."""
    if options["execute_at"] is not None and options["delay_seconds"] is not None:
        raise click.UsageError("give at most one of --at and --delay")
    definition: dict[str, Any] = {"uri": uri, **{name: value for name, value in options.items() if value is not None}}
    if payload is not NOTHING:
        definition["payload"] = payload
    if headers:
        definition["headers"] = parsed_headers(headers)
    with connected() as client:
        job = client.jobs.create(definition, wait_seconds=FIRST_WAIT_SECONDS if wait else 0)
        if wait and not has_ended(job):
            job = _at_its_end(client.jobs, job)
    if not wait and not as_json:
        click.echo(f"created: {visible(job['id'])}")
        return
    _print(job, as_json)
    if wait and not has_ended(job):
        raise NotObserved(f"Error: the job is still {visible(job['state'])}; {_look_later(job)}")
    if wait and job["state"] != "succeeded":
        raise SystemExit(1)


@jobs.command()
@click.argument("job_id", type=click.UUID)
def cancel(job_id: UUID) -> None:
    """Cancel the job JOB_ID, which has not ended."""
    with connected() as client:
        job = client.jobs.cancel(job_id)
    click.echo(f"{visible(job['state'])}: {visible(job['id'])}")


@jobs.command()
@click.argument("job_id", type=click.UUID)
def retry(job_id: UUID) -> None:
    """Begin the failed job JOB_ID afresh."""
    with connected() as client:
        job = client.jobs.retry(job_id)
    click.echo(f"{visible(job['state'])}: {visible(job['id'])}")


def longest_seconds(job: Job, now: datetime) -> float:
    """When a job is over by, seen from now: every attempt takes all of its allowance, every delay is its longest.

    >>> job = {"execute_at": "2026-03-01T12:00:10Z", "max_attempts": 3, "timeout_seconds": 30, "backoff_seconds": 10}
    >>> longest_seconds(job, datetime.fromisoformat("2026-03-01T12:00:00Z"))
    220.0
    """
    until_due = max(0.0, (datetime.fromisoformat(job["execute_at"]) - now).total_seconds())
    delays = [job["backoff_seconds"] * 1.2 * math.pow(4, number) for number in range(min(job["max_attempts"], 100) - 1)]
    delayed = sum(min(delay, LONGEST_DELAY_SECONDS) for delay in delays)
    return until_due + job["max_attempts"] * job["timeout_seconds"] + delayed + MARGIN_SECONDS


def _at_its_end(jobs: Jobs, job: Job) -> Job:
    try:
        return jobs.wait(job["id"], seconds=longest_seconds(job, datetime.now(UTC)))
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped waiting; the job goes on: {_look_later(job)}") from None


def _look_later(job: Job) -> str:
    return f"`roundsman jobs show {visible(job['id'])}` tells what came of it"


def _print(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        print_job(job, datetime.now(UTC), standard_output())
