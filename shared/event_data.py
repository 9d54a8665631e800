"""What webhooks are told of a piece of work: an event for its beginning, and one for its end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from shared.domain.instants import write_instant
from shared.domain.json_value import Json, written
from shared.store.ended_tasks import EndedTask
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork, FinishedAttempt

MAX_MISSES: Final = 50
MAX_DIFFERENCES: Final = 20
MAX_VALUE_CHARACTERS: Final = 1_000


def run_started(work: ClaimedWork, checklist_name: str) -> NewEvent:
    """The first attempt of a run begins."""
    return NewEvent(work.account_id, "run.started", _run(work) | {"checklist_name": checklist_name})


def run_finished(work: ClaimedWork, attempt: FinishedAttempt) -> NewEvent:
    """A run has ended; with every check that missed, and how it differs, within a limit."""
    result: dict[str, Any] = attempt.result or {}
    misses = [
        (flow["name"], assertion)
        for flow in result.get("flows", ())
        for assertion in flow["assertions"]
        if assertion["result"] == "MISS"
    ]
    data = _run(work) | {
        "state": attempt.state,
        "outcome": attempt.outcome,
        "error": attempt.error,
        "summary": result.get("summary", {"match": 0, "miss": 0, "new": 0, "obsolete": 0}),
        "misses": [_miss(flow, assertion) for flow, assertion in misses[:MAX_MISSES]],
        "misses_left_out": max(0, len(misses) - MAX_MISSES),
    }
    return NewEvent(work.account_id, "run.finished", data)


def task_ended(task: EndedTask) -> NewEvent:
    """A task has succeeded, or has failed for good; what it brought is read from the task itself."""
    data = {
        "task_id": str(task.id),
        "queue": task.queue,
        "schedule_id": task.schedule_id,
        "scheduled_for": None if task.scheduled_for is None else write_instant(task.scheduled_for),
        "run_id": None if task.run_id is None else str(task.run_id),
        "attempts": task.attempts,
        "error": task.error,
    }
    return NewEvent(task.account_id, f"task.{task.state}", data)


def schedule_paused(account_id: int, schedule_id: int, name: str | None, note: str | None) -> NewEvent:
    """A schedule that was active sleeps, because a person or its work wanted it to."""
    return NewEvent(account_id, "schedule.paused", {"schedule_id": schedule_id, "name": name, "note": note})


def occurrences_left_out(
    account_id: int,
    schedule_id: int,
    name: str | None,
    *,
    outcome: str,
    reason: str | None,
    instants: Sequence[datetime],
) -> NewEvent:
    """Instants of a schedule that follow each other were skipped, or missed, for the same reason."""
    data = {
        "schedule_id": schedule_id,
        "name": name,
        "reason": reason,
        "scheduled_for": write_instant(instants[0]),
        "until": write_instant(instants[-1]),
        "count": len(instants),
    }
    return NewEvent(account_id, f"schedule.occurrence_{outcome}", data)


def _run(work: ClaimedWork) -> dict[str, Any]:
    return {
        "run_id": work.id,
        "checklist_id": work.checklist_id,
        "schedule_id": work.schedule_id,
        "scheduled_for": _instant(work),
        "trigger": work.trigger,
    }


def _instant(work: ClaimedWork) -> str | None:
    return None if work.scheduled_for is None else write_instant(work.scheduled_for)


def _miss(flow: str, assertion: dict[str, Any]) -> dict[str, Any]:
    miss = {"flow": flow, "name": assertion["name"], "diff": assertion.get("diff", [])[:MAX_DIFFERENCES]}
    miss["diff"] = [
        {name: value if name == "pointer" else _short(value) for name, value in difference.items()}
        for difference in miss["diff"]
    ]
    return miss | ({"error": assertion["error"]} if "error" in assertion else {})


def _short(value: Json) -> Json:
    """The value, or the beginning of its text if that is long: an event is a message, the run has it all."""
    text = written(value)
    return value if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"
