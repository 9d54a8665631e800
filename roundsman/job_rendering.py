"""Jobs as a person reads them."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from roundsman.attempt_rendering import attempts_table, state_text
from roundsman.resources.job_shapes import Job
from roundsman.resources.work import has_ended
from roundsman.schedule_rendering import from_now
from roundsman.tables import table
from roundsman.visible import visible

URI_CHARACTERS = 60
VALUE_CHARACTERS = 500


def job_table(jobs: Sequence[Job], now: datetime) -> Table:
    """A line for each."""
    made = table("job", "state", "what", "when", "attempts", "error")
    for each in jobs:
        made.add_row(
            Text(visible(each["id"], limit=50)),
            state_text(each["state"]),
            Text(visible(shortened(f"{each['method']} {each['uri']}"))),
            Text(instant(each["execute_at"], now)),
            str(each["attempt_count"]),
            Text(visible(each["error"] or "", limit=100)),
        )
    return made


def print_job(job: Job, now: datetime, console: Console) -> None:
    """One job, and its attempts."""
    what = visible(f"{job['method']} {job['uri']}", limit=VALUE_CHARACTERS)
    console.print(Text.assemble((what, "bold"), ": ", state_text(job["state"])), soft_wrap=True)
    if job["error"]:
        console.print(Text(f"  {visible(job['error'], limit=VALUE_CHARACTERS)}", "red"), soft_wrap=True)
    for name, value in _facts(job, now):
        console.print(Text.assemble((f"  {name}: ", "dim"), visible(value, limit=VALUE_CHARACTERS)), soft_wrap=True)
    if attempts := job.get("attempts"):
        console.print()
        console.print(attempts_table(attempts))


def instant(text: str, now: datetime) -> str:
    """An instant to the second, absolute and relative.

    >>> instant("2026-03-01T12:00:40.123456Z", datetime.fromisoformat("2026-03-01T12:00:00Z"))
    '2026-03-01T12:00:40Z (in 40 s)'
    """
    distance = from_now(text, now)
    return f"{visible(text[:19])}Z ({distance})" if distance else visible(text, limit=40)


def shortened(text: str) -> str:
    """The text, or its begin and its end: of a URL, both tell.

    >>> shortened("POST https://example.com/" + "a" * 100 + "/remind")
    'POST https://example.com/aaaaaaaaaaaa…aaaaaaaaaaaaaaa/remind'
    """
    if len(text) <= URI_CHARACTERS:
        return text
    return f"{text[:37]}…{text[-22:]}"


def _facts(job: Job, now: datetime) -> list[tuple[str, str]]:
    facts = [("id", job["id"]), ("when", instant(job["execute_at"], now))]
    if job["next_attempt_at"] is not None and not has_ended(job):
        facts.append(("next attempt", instant(job["next_attempt_at"], now)))
    facts.append(("attempts", f"{job['attempt_count']}, at most {job['max_attempts']}"))
    if job["headers"]:
        facts.append(("headers", json.dumps(job["headers"], ensure_ascii=False)))
    if "payload" in job:
        facts.append(("payload", json.dumps(job["payload"], ensure_ascii=False)))
    if job["schedule_id"] is not None:
        facts.append(("schedule", str(job["schedule_id"])))
    if job["error_uri"] is not None:
        told = f", told by job {job['error_job_id']}" if job["error_job_id"] is not None else ""
        facts.append(("error uri", f"{job['error_uri']}{told}"))
    if job["error_of"] is not None:
        facts.append(("tells of the failure of", f"job {job['error_of']}"))
    return facts
