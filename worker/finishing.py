"""Finish a batch of ended work in one transaction, and find the one row that spoils it when Postgres refuses."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg2
import structlog

from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.event_data import schedule_paused
from shared.store import events, schedules, work
from shared.store.events import NewEvent
from worker.performer import Ended, Performer

log = structlog.get_logger(__name__)


class Finishing:
    """Finishes batches; `delivery_attempts` is how often what webhooks are told of it will be tried."""

    def __init__(self, database: Database, performers: Mapping[str, Performer], *, delivery_attempts: int) -> None:
        self._database = database
        self._performers = performers
        self._delivery_attempts = delivery_attempts

    def finish_batch(self, batch: Sequence[Ended]) -> set[UUID]:
        """End these attempts and record what was found; the ids of those whose lease was still held.

        Raises DatabaseUnavailable, and then nothing has been recorded, or all of it has and the answer was lost.
        """
        reach(CrashPoint.WORKER_AFTER_RESPONSE)
        try:
            return self._finish_in_one_transaction(batch)
        except (psycopg2.Error, ValueError) as refusal:
            # Being away is DatabaseUnavailable; this is a value that Postgres, or its driver, will never take.
            if len(batch) > 1:
                middle = len(batch) // 2
                return self.finish_batch(batch[:middle]) | self.finish_batch(batch[middle:])
            log.exception("result_refused", work_id=str(batch[0].work.id), error=str(refusal))
            return self._finish_in_one_transaction([_without_result(batch[0])])

    def _finish_in_one_transaction(self, batch: Sequence[Ended]) -> set[UUID]:
        with self._database.transaction() as transaction:
            cursor = transaction.cursor
            held = work.finish(cursor, [item.attempt for item in batch])
            finished = [item for item in batch if item.work.id in held]
            happened: list[NewEvent] = []
            for kind in sorted({item.work.kind for item in finished}):
                happened += self._performers[kind].record(cursor, [item for item in finished if item.work.kind == kind])
            happened += _tell_schedules(cursor, finished)
            events.record(cursor, happened, delivery_attempts=self._delivery_attempts)
            reach(CrashPoint.WORKER_BEFORE_COMMIT)
        reach(CrashPoint.WORKER_AFTER_COMMIT)
        return held


def _tell_schedules(cursor: Cursor, finished: Sequence[Ended]) -> list[NewEvent]:
    """Let a schedule begin what waited for this work, and sleep if it is to after work like this."""
    ended = {
        item.work.id: item.work.schedule_id
        for item in finished
        if item.work.schedule_id is not None and item.attempt.state != "pending"
    }
    if not ended:
        return []
    schedules.release_held(cursor, sorted(set(ended.values())))
    paused = schedules.pause_after(cursor, list(ended))
    return [schedule_paused(each.account_id, each.id, each.name, each.note) for each in paused]


def _without_result(item: Ended) -> Ended:
    attempt = item.attempt._replace(
        state="failed",
        attempt_outcome="failed",
        outcome="error" if item.work.kind == "run" else None,
        result=None,
        error="what was observed could not be stored",
        retry_in_seconds=None,
        response_excerpt=None,
    )
    return item._replace(attempt=attempt, findings=None)
