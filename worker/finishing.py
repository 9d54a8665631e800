"""Finish a batch of ended work in one transaction, and find the one row that spoils it when Postgres refuses."""

from collections.abc import Iterator, Mapping, Sequence

import psycopg2
import structlog

from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.errors import DatabaseUnavailable
from shared.event_data import schedule_paused
from shared.store import events, schedules, work
from shared.store.events import NewEvent
from worker.performer import Ended, Performer

log = structlog.get_logger(__name__)

# What Postgres says of a statement that it has rolled back, as classes and codes of SQLSTATE.
CLASHES = ("23", "40")  # a row came or went meanwhile, a deadlock: the same statement may go well a moment later
TOO_LARGE = "54"
QUERY_CANCELED = "57014"  # its time was over


class Finishing:
    """Finishes batches; `delivery_attempts` is how often what webhooks are told of it will be tried."""

    def __init__(self, database: Database, performers: Mapping[str, Performer], *, delivery_attempts: int) -> None:
        self._database = database
        self._performers = performers
        self._delivery_attempts = delivery_attempts

    def finish_batch(self, batch: Sequence[Ended]) -> Iterator[tuple[Sequence[Ended], set[str]]]:
        """End these attempts and record what was found; each part in turn, and whose lease in it was still held.

        Raises DatabaseUnavailable, and then nothing of the next part, or all of it, has been recorded.
        """
        reach(CrashPoint.WORKER_AFTER_RESPONSE)
        try:
            held = self._finish_again_after_a_clash(batch)
        except (psycopg2.Error, ValueError, DatabaseUnavailable) as refusal:
            # Being away is for the caller. The rest is too much at once, or a value that Postgres, or its driver, will
            # never take.
            if isinstance(refusal, DatabaseUnavailable) and not _is_too_much(refusal, len(batch)):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                yield from self.finish_batch(batch[:middle])
                yield from self.finish_batch(batch[middle:])
                return
            log.exception("result_refused", work_id=batch[0].work.id, error=str(refusal))
            held = self._finish_in_one_transaction([_without_result(batch[0])])
        yield batch, held

    def _finish_again_after_a_clash(self, batch: Sequence[Ended]) -> set[str]:
        try:
            return self._finish_in_one_transaction(batch)
        except (psycopg2.IntegrityError, DatabaseUnavailable) as clash:
            if not _sqlstate(clash).startswith(CLASHES):
                raise
            log.warning("finish_clashed", count=len(batch), error=str(clash))
            return self._finish_in_one_transaction(batch)

    def _finish_in_one_transaction(self, batch: Sequence[Ended]) -> set[str]:
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


def _is_too_much(error: DatabaseUnavailable, count: int) -> bool:
    """Whether Postgres is there, and may take the half of it; a single row that took too long has only met a lock."""
    state = _sqlstate(error)
    return state.startswith(TOO_LARGE) or (state == QUERY_CANCELED and count > 1)


def _sqlstate(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    return cause.pgcode or "" if isinstance(cause, psycopg2.Error) else ""


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
