"""Ends of tasks as external workers tell them: acks and failures, with all that follows from them."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import structlog
from prometheus_client import Counter

from api.auth import caller
from api.run_tasks import observed_by, problem_with_result
from api.services import services
from api.store import held_tasks
from api.store.held_tasks import HeldTask, NotHeld
from shared import task_ends
from shared.database import Transaction
from shared.store import work
from shared.store.ended_tasks import EndedTask
from shared.store.work import FinishedAttempt, State

log = structlog.get_logger(__name__)

LONGEST_MEASURED_MS = 2**31 - 1  # 24 days; a lease can be extended for longer

REFUSED = Counter("roundsman_refused_ends", "Ends of tasks told by who does not have them, or no longer.", ["reason"])

Interruption = Literal["lease_expired", "released"]


@dataclass(frozen=True, slots=True)
class Ack:
    """What a worker says about a task that it has done."""

    id: UUID
    lease_token: UUID
    result: Any = None


@dataclass(frozen=True, slots=True)
class ResultRefused:
    """The result is not what the run of this task needs: the attempt has failed with this reason."""

    reason: str


AckOutcome = Literal["acked"] | NotHeld | ResultRefused


def ack_tasks(transaction: Transaction, acks: Sequence[Ack]) -> dict[UUID, AckOutcome]:
    """End each of these tasks well, if its lease is in force; what became of each. No task may be there twice."""
    standings = held_tasks.held(transaction.cursor, caller().account_id, {ack.id: ack.lease_token for ack in acks})
    outcomes: dict[UUID, AckOutcome] = {}
    ends: list[tuple[HeldTask, FinishedAttempt]] = []
    for ack in acks:
        task = standings[ack.id]
        if not isinstance(task, HeldTask):
            outcomes[ack.id] = task
        elif task.run_id is not None and (reason := problem_with_result(ack.result)):
            outcomes[ack.id] = ResultRefused(reason)
            ends.append((task, _failure(task, reason, retry=True, delay_seconds=0)))
        else:
            outcomes[ack.id] = "acked"
            ends.append((task, _success(task, ack.result)))
    _count_refused(standings.values())
    _end(transaction, ends)
    return outcomes


def fail_task(
    transaction: Transaction, task_id: UUID, lease_token: UUID, error: str, *, retry: bool, delay_seconds: float
) -> Literal["failed"] | NotHeld:
    """End an attempt badly, if its lease is in force; the task is tried again if it may be, and has an attempt left."""
    [task] = held_tasks.held(transaction.cursor, caller().account_id, {task_id: lease_token}).values()
    if not isinstance(task, HeldTask):
        _count_refused([task])
        return task
    _end(transaction, [(task, _failure(task, error, retry=retry, delay_seconds=delay_seconds))])
    return "failed"


def release_task(transaction: Transaction, task_id: UUID, lease_token: UUID) -> Literal["released"] | NotHeld:
    """Take a task back that its worker gives back as it was, if its lease is in force."""
    [task] = held_tasks.held(transaction.cursor, caller().account_id, {task_id: lease_token}).values()
    if not isinstance(task, HeldTask):
        _count_refused([task])
        return task
    _end(transaction, [(task, _interruption(task, "released", "given back by its worker"))])
    return "released"


def give_back_tasks(transaction: Transaction, leases: Mapping[UUID, UUID], outcome: Interruption, error: str) -> None:
    """End these attempts, of which their worker can tell nothing any more; the tasks are back in their old places.

    A released attempt does not count. After one that expired a task has failed if no attempt is left.
    """
    standings = held_tasks.held(transaction.cursor, caller().account_id, leases)
    tasks = [task for task in standings.values() if isinstance(task, HeldTask)]
    _end(transaction, [(task, _interruption(task, outcome, error)) for task in tasks])


def _count_refused(standings: Iterable[HeldTask | NotHeld]) -> None:
    refused = Tally(each for each in standings if not isinstance(each, HeldTask) and each != "acked_before")
    for reason, count in refused.items():
        REFUSED.labels(reason).inc(count)
    if refused:
        log.warning("ends_refused", reasons=dict(refused))


def _interruption(task: HeldTask, outcome: Interruption, error: str) -> FinishedAttempt:
    state = _state_after(task, is_tried_again=outcome == "released" or task.has_attempts_left)
    return FinishedAttempt(
        str(task.id), str(task.lease_token), state, outcome, error=error, elapsed_ms=_elapsed_ms(task)
    )


def _success(task: HeldTask, result: Any) -> FinishedAttempt:
    return FinishedAttempt(
        str(task.id), str(task.lease_token), "succeeded", "succeeded", result=result, elapsed_ms=_elapsed_ms(task)
    )


def _failure(task: HeldTask, error: str, *, retry: bool, delay_seconds: float) -> FinishedAttempt:
    state = _state_after(task, is_tried_again=retry and task.has_attempts_left)
    return FinishedAttempt(
        str(task.id),
        str(task.lease_token),
        state,
        "failed",
        error=error,
        retry_in_seconds=delay_seconds if state == "pending" else None,
        elapsed_ms=_elapsed_ms(task),
    )


def _state_after(task: HeldTask, *, is_tried_again: bool) -> State:
    if task.cancel_requested:
        return "canceled"
    return "pending" if is_tried_again else "failed"


def _elapsed_ms(task: HeldTask) -> int:
    return min(round((task.now - task.began).total_seconds() * 1000), LONGEST_MEASURED_MS)


def _end(transaction: Transaction, ends: Sequence[tuple[HeldTask, FinishedAttempt]]) -> None:
    """Record the ends of these attempts, and what follows from them, now and after the commit."""
    if not ends:
        return
    cursor, bell, account_id = transaction.cursor, services().bell, caller().account_id
    work.finish(cursor, [attempt for _, attempt in ends], now=ends[0][0].now)
    runs = observed_by(cursor, ends)
    followed = task_ends.follow_ends(
        cursor,
        [_ended(account_id, task, attempt) for task, attempt in ends if attempt.state != "pending"],
        delivery_attempts=services().settings.delivery_attempts,
    )
    pending = {(account_id, task.queue) for task, attempt in ends if attempt.state == "pending"}
    if to_ring := [*runs, *followed.to_ring]:
        transaction.after_commit(lambda: bell.ring(to_ring))
    transaction.after_commit(lambda: bell.announce(followed.ended))
    transaction.after_commit(lambda: bell.announce_tasks(pending | followed.queues))


def _ended(account_id: int, task: HeldTask, attempt: FinishedAttempt) -> EndedTask:
    released = task.released + (attempt.attempt_outcome == "released")
    return EndedTask(
        task.id,
        account_id,
        task.queue,
        attempt.state,
        task.attempt - released,
        attempt.error,
        task.schedule_id,
        task.scheduled_for,
        task.run_id,
    )
