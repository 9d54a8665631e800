"""Queues and tasks as a person reads them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from roundsman.attempt_rendering import duration, state_text
from roundsman.job_rendering import instant
from roundsman.resources.task_shapes import PoppedTask, Queue, Task, TaskAttempt
from roundsman.tables import table
from roundsman.visible import visible

CELL_CHARACTERS = 60
VALUE_CHARACTERS = 500
LINE_CHARACTERS = 2_000


def queue_table(queues: Sequence[Queue], now: datetime) -> Table:
    """A line for each."""
    made = table("queue", "pending", "running", "failed", "oldest", "last popped")
    for each in queues:
        oldest = each["oldest_pending_seconds"]
        popped = "never" if each["last_popped_at"] is None else instant(each["last_popped_at"], now)
        is_unattended = each["unattended_since"] is not None
        made.add_row(
            Text(visible(each["name"], limit=100), "bold red" if is_unattended else "bold"),
            _count(each["pending"]),
            _count(each["running"], "cyan"),
            _count(each["failed"], "bold red"),
            Text("" if oldest is None else duration(oldest)),
            Text(f"{popped}, unattended", "bold red") if is_unattended else Text(popped),
        )
    return made


def task_table(tasks: Sequence[Task], now: datetime) -> Table:
    """A line for each."""
    made = table("task", "queue", "state", "payload", "due", "attempts", "worker", "error")
    for each in tasks:
        made.add_row(
            Text(visible(each["id"], limit=50)),
            Text(visible(each["queue"], limit=100)),
            state_text(each["state"]),
            Text(shown_value(each["payload"], CELL_CHARACTERS)),
            Text(instant(each["next_attempt_at"] or each["scheduled_for"] or each["created_at"], now)),
            str(each["attempt_count"]),
            Text(visible(each["worker"] or "", limit=CELL_CHARACTERS)),
            Text(visible(each["error"] or "", limit=100)),
        )
    return made


def popped_table(tasks: Sequence[PoppedTask], now: datetime) -> Table:
    """A line for each, with what it takes to say what became of it."""
    made = table("task", "attempt", "payload", "lease token", "leased until")
    made.columns[3].no_wrap = True
    for each in tasks:
        made.add_row(
            Text(visible(each["id"], limit=50)),
            str(each["attempt"]),
            Text(shown_value(each["payload"], VALUE_CHARACTERS)),
            Text(visible(each["lease_token"], limit=50)),
            Text(instant(each["lease_expires_at"], now)),
        )
    return made


def print_task(task: Task, now: datetime, console: Console) -> None:
    """One task, its attempts, and what its workers logged."""
    heading = (f"task on {visible(task['queue'], limit=100)}", "bold")
    asked = " (asked to be given up)" if task["cancel_requested"] and task["state"] == "running" else ""
    console.print(Text.assemble(heading, ": ", state_text(task["state"]), asked), soft_wrap=True)
    if task["error"]:
        console.print(Text(f"  {visible(task['error'], limit=VALUE_CHARACTERS)}", "red"), soft_wrap=True)
    for name, value in _facts(task, now):
        console.print(Text.assemble((f"  {name}: ", "dim"), value), soft_wrap=True)
    if attempts := task.get("attempts"):
        console.print()
        console.print(_attempts_table(attempts))
    if logs := task.get("logs"):
        console.print()
        for line in logs:
            head = (f"  {visible(line['logged_at'], limit=40)} #{line['attempt']} ", "dim")
            for number, part in enumerate(line["message"][:LINE_CHARACTERS].splitlines() or [""]):
                console.print(Text.assemble(head if number == 0 else "    ", visible(part)), soft_wrap=True)


def shown_value(value: Any, limit: int) -> str:
    """Any JSON on one line.

    >>> shown_value({"who": "ada"}, 60)
    '{"who": "ada"}'
    """
    return visible(json.dumps(value, ensure_ascii=False), limit=limit)


def attempts_in_words(task: Mapping[str, Any]) -> str:
    """How often it was tried, and what came of that.

    >>> attempts_in_words({"attempt_count": 3, "failures": 1, "expirations": 1, "max_attempts": 4})
    '3, at most 4 (1 failed, 1 expired)'
    """
    named = (("failed", task["failures"]), ("expired", task["expirations"]))
    counts = ", ".join(f"{count:,} {name}" for name, count in named if count)
    return f"{task['attempt_count']:,}, at most {task['max_attempts']}" + (f" ({counts})" if counts else "")


def _facts(task: Task, now: datetime) -> list[tuple[str, str]]:
    facts = [("id", visible(task["id"], limit=50)), ("payload", shown_value(task["payload"], VALUE_CHARACTERS))]
    if task["state"] == "succeeded":
        facts.append(("result", shown_value(task["result"], VALUE_CHARACTERS)))
    if task["next_attempt_at"] is not None:
        facts.append(("next attempt", instant(task["next_attempt_at"], now)))
    if task["worker"]:
        until = "" if task["lease_expires_at"] is None else f", until {instant(task['lease_expires_at'], now)}"
        facts.append(("worker", visible(task["worker"], limit=CELL_CHARACTERS) + until))
    facts.append(("attempts", attempts_in_words(task)))
    further = {
        "priority": task["priority"] or None,
        "time-out": None if task["timeout_seconds"] is None else f"{task['timeout_seconds']} s",
        "dedup key": task["dedup_key"],
        "schedule": task["schedule_id"],
        "observes for run": task["run_id"],
    }
    facts += [
        (name, visible(str(value), limit=VALUE_CHARACTERS)) for name, value in further.items() if value is not None
    ]
    return facts


def _attempts_table(attempts: Sequence[TaskAttempt]) -> Table:
    made = table("attempt", "began", "took", "outcome", "worker", "error")
    for each in attempts:
        made.add_row(
            str(each["number"]),
            Text(visible(each["started_at"], limit=40)),
            Text("" if each["elapsed_ms"] is None else duration(each["elapsed_ms"] / 1_000)),
            state_text(each["outcome"] or "running"),
            Text(visible(each["worker"] or "", limit=CELL_CHARACTERS)),
            Text(visible(each["error"] or "", limit=200)),
        )
    return made


def _count(number: int, style: str = "") -> Text:
    return Text(f"{number:,}", style if number else "dim")
