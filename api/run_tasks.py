"""Tasks that observe for a run: what their workers bring is looked at before it is taken."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.store.held_tasks import HeldTask
from shared.database import Cursor
from shared.domain.observations import Unobservable, observations_of
from shared.store import run_tasks
from shared.store.work import FinishedAttempt


def problem_with_result(result: Any) -> str | None:
    """Why this cannot be what the task of a run has observed; None when it can."""
    try:
        observations_of(result)
    except Unobservable as error:
        return error.detail
    return None


def observed_by(cursor: Cursor, ends: Sequence[tuple[HeldTask, FinishedAttempt]]) -> list[UUID]:
    """Give runs what their tasks have brought; the ids of those that are due with that."""
    return run_tasks.observed(
        cursor,
        {
            task.run_id: attempt.result
            for task, attempt in ends
            if task.run_id is not None and attempt.state == "succeeded"
        },
    )
