"""Finish a batch of ended work in one transaction, and find the one row that spoils it when Postgres refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import psycopg2
import structlog

from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.store import schedules, work
from worker.performer import Ended, Performer

log = structlog.get_logger(__name__)


def finish_batch(database: Database, performers: Mapping[str, Performer], batch: Sequence[Ended]) -> set[UUID]:
    """End these attempts and record what was found; the ids of those whose lease was still held.

    Raises DatabaseUnavailable, and then nothing has been recorded, or all of it has and the answer was lost.
    """
    reach(CrashPoint.WORKER_AFTER_RESPONSE)
    try:
        return _finish_in_one_transaction(database, performers, batch)
    except psycopg2.Error as refusal:
        # Being away is DatabaseUnavailable; this is a value that Postgres will never take.
        if len(batch) > 1:
            middle = len(batch) // 2
            first = finish_batch(database, performers, batch[:middle])
            return first | finish_batch(database, performers, batch[middle:])
        log.exception("result_refused", work_id=str(batch[0].attempt.id), error=str(refusal))
        return _finish_in_one_transaction(database, performers, [_without_result(batch[0])])


def _finish_in_one_transaction(
    database: Database, performers: Mapping[str, Performer], batch: Sequence[Ended]
) -> set[UUID]:
    with database.transaction() as transaction:
        held = work.finish(transaction.cursor, [item.attempt for item in batch])
        for kind in sorted({item.kind for item in batch}):
            recorded = [item for item in batch if item.kind == kind and item.attempt.id in held]
            performers[kind].record(transaction.cursor, recorded)
        _tell_schedules(transaction.cursor, [item for item in batch if item.attempt.id in held])
        reach(CrashPoint.WORKER_BEFORE_COMMIT)
    reach(CrashPoint.WORKER_AFTER_COMMIT)
    return held


def _tell_schedules(cursor: Cursor, ended: Sequence[Ended]) -> None:
    """Let a schedule begin what waited for this work, and sleep if it is to after work like this."""
    scheduled = {item.attempt.id: item.schedule_id for item in ended if item.schedule_id is not None}
    if scheduled:
        schedules.release_held(cursor, sorted(set(scheduled.values())))
        schedules.pause_after(cursor, list(scheduled))


def _without_result(item: Ended) -> Ended:
    attempt = replace(
        item.attempt,
        state="failed",
        attempt_outcome="failed",
        outcome="error" if item.kind == "run" else None,
        result=None,
        error="what was observed could not be stored",
        response_excerpt=None,
    )
    return replace(item, attempt=attempt, findings=None)
