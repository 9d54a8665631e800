"""`roundsman tasks`: what was pushed on queues, and what came of it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.job_input import NumberOfSeconds, Payload
from roundsman.commands.runs import STATES
from roundsman.resources.task_shapes import Task
from roundsman.task_rendering import print_task, task_table
from roundsman.visible import visible


@click.group(invoke_without_command=True)
@click.option("--queue", help="Only tasks of this queue.")
@click.option("--state", type=click.Choice(STATES), help="Only tasks in this state.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
def tasks(context: click.Context, queue: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List tasks, newest first; or `show` one with its log, `cancel` or `retry` it, `ack` or `fail` a popped one."""
    if context.invoked_subcommand is not None:
        return
    with connected() as client:
        found = list(client.tasks.each(queue=queue, state=state, most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(task_table(found, datetime.now(UTC)))


@tasks.command()
@click.argument("task_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(task_id: UUID, as_json: bool) -> None:
    """Print the task TASK_ID with its result, its attempts, and what was logged in them."""
    with connected() as client:
        found = client.tasks.get(task_id)
    if as_json:
        print_json(found)
    else:
        print_task(found, datetime.now(UTC), standard_output())


@tasks.command()
@click.argument("task_id", type=click.UUID)
def cancel(task_id: UUID) -> None:
    """Cancel the task TASK_ID, which has not ended; its worker is asked to give it up."""
    with connected() as client:
        task = client.tasks.cancel(task_id)
    if task["state"] == "running":
        click.echo(f"running, and asked to be given up: {visible(task['id'])}")
    else:
        _say(task)


@tasks.command()
@click.argument("task_id", type=click.UUID)
def retry(task_id: UUID) -> None:
    """Begin the failed task TASK_ID afresh."""
    with connected() as client:
        _say(client.tasks.retry(task_id))


@tasks.command()
@click.argument("task_id", type=click.UUID)
@click.argument("lease_token", type=click.UUID)
@click.option("--result", type=Payload(), metavar="JSON|@FILE", help="What is kept with the task; @- is stdin.")
def ack(task_id: UUID, lease_token: UUID, result: Any) -> None:
    """Say that the task TASK_ID is done, which was popped with LEASE_TOKEN."""
    with connected() as client:
        _say(client.tasks.ack(task_id, str(lease_token), result))


@tasks.command()
@click.argument("task_id", type=click.UUID)
@click.argument("lease_token", type=click.UUID)
@click.argument("error")
@click.option("--retry/--no-retry", default=True, show_default=True, help="Try again if an attempt is left.")
@click.option("--delay", type=NumberOfSeconds(), default=0, help="In so many seconds.")
def fail(task_id: UUID, lease_token: UUID, error: str, retry: bool, delay: float) -> None:
    """Say that the task TASK_ID, which was popped with LEASE_TOKEN, has failed because of ERROR."""
    with connected() as client:
        _say(client.tasks.fail(task_id, str(lease_token), error, retry=retry, delay_seconds=delay))


def _say(task: Task) -> None:
    click.echo(f"{visible(task['state'])}: {visible(task['id'])}")
