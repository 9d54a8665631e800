"""Popping for one request, attempted as often as it takes; with an Idempotency-Key, the same tasks again."""

from uuid import UUID

from api.auth import caller
from api.creating import idempotency_key, request_fingerprint
from api.errors import InvalidInput
from api.services import services
from api.store import idempotency, queues, task_leases
from api.store.task_leases import PoppedTask
from shared.crash_points import CrashPoint, reach
from shared.database import Cursor


class Pop:
    """What a request asks of a queue; `is_replay` says that it was given these tasks before."""

    def __init__(self, queue: str, *, most: int, lease_seconds: int, worker: str | None = None) -> None:
        self._account_id = caller().account_id
        self._queue = queue
        self._most = most
        self._lease_seconds = lease_seconds
        self._worker = worker
        self._key = idempotency_key()
        self.is_replay = False

    def note(self) -> None:
        """Note that somebody looks after the queue; by itself, as no pop is to wait for another because of that."""
        with services().database.reading() as cursor:
            queues.note_pop(cursor, self._account_id, self._queue)

    def attempt(self) -> list[PoppedTask]:
        """The tasks that are due now, if there are any."""
        with services().database.transaction() as transaction:
            cursor = transaction.cursor
            popped = self._pop(cursor) if self._key is None else self._pop_once(cursor, self._key)
            reach(CrashPoint.API_BEFORE_COMMIT)
        reach(CrashPoint.API_AFTER_COMMIT)
        return popped

    def _pop(self, cursor: Cursor) -> list[PoppedTask]:
        return task_leases.pop(
            cursor,
            self._account_id,
            self._queue,
            most=self._most,
            lease_seconds=self._lease_seconds,
            worker=self._worker,
        )

    def _pop_once(self, cursor: Cursor, key: str) -> list[PoppedTask]:
        """What this key brought before, as far as its leases are in force; else what it brings now."""
        for _ in range(2):
            before = self._popped_before(cursor, key)
            if before is None:
                return self._pop_and_keep(cursor, key)
            if before:
                self.is_replay = True
                return before
            # The same request, sent twice, may be at this as well: whoever comes second gets what the first one got.
            idempotency.forget(cursor, self._account_id, key)
        return []

    def _popped_before(self, cursor: Cursor, key: str) -> list[PoppedTask] | None:
        """What is left of what this key brought before; None when it brought nothing, and is now this request's."""
        fingerprint = request_fingerprint()
        first = idempotency.take(cursor, self._account_id, key, fingerprint)
        if first is None:
            return None
        if first.fingerprint != fingerprint:
            raise InvalidInput(
                "this Idempotency-Key was used for another request; use a new key, or repeat that request unchanged"
            )
        leases = {UUID(id): UUID(token) for id, token in first.body.items()}
        return task_leases.popped_before(cursor, self._account_id, leases)

    def _pop_and_keep(self, cursor: Cursor, key: str) -> list[PoppedTask]:
        popped = self._pop(cursor)
        if popped:
            leases = {str(task.id): str(task.lease_token) for task in popped}
            idempotency.answered(cursor, self._account_id, key, status=200, headers={}, body=leases)
        else:
            idempotency.forget(cursor, self._account_id, key)
        return popped
