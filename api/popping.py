"""Popping for one request, attempted as often as it takes; with an Idempotency-Key, the same tasks again."""

from uuid import UUID

from api.auth import caller
from api.creating import idempotency_key, request_fingerprint
from api.errors import InvalidInput
from api.services import services
from api.store import idempotency, task_leases
from api.store.idempotency import FirstAnswer
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
        self._fingerprint = b"" if self._key is None else request_fingerprint()
        self.is_replay = False

    def popped_before(self) -> list[PoppedTask]:
        """What the same request was given before and still holds, if it has a key; waits for nobody."""
        if self._key is None:
            return []
        with services().database.reading() as cursor:
            first = idempotency.first_answer(cursor, self._account_id, self._key)
            held = [] if first is None else self._still_held(cursor, first)
        self.is_replay = bool(held)
        return held

    def attempt(self) -> list[PoppedTask]:
        """The tasks that are due now, if there are any."""
        if self._key is None:
            reach(CrashPoint.API_BEFORE_COMMIT)
            with services().database.statement() as statement:
                popped = self._pop(statement.cursor)
        else:
            with services().database.transaction() as transaction:
                popped = self._pop_once(transaction.cursor, self._key)
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
            first = idempotency.take(cursor, self._account_id, key, self._fingerprint)
            if first is None:
                return self._pop_and_keep(cursor, key)
            if held := self._still_held(cursor, first):
                self.is_replay = True
                return held
            # The same request, sent twice, may be at this as well: whoever comes second gets what the first one got.
            idempotency.forget(cursor, self._account_id, key)
        return []

    def _still_held(self, cursor: Cursor, first: FirstAnswer) -> list[PoppedTask]:
        if first.fingerprint != self._fingerprint:
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
