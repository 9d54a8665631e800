"""Our own protocol, as docs/websocket.md has it: a worker says that it is ready, and is given tasks of one queue."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import current_app, request

from api.auth import caller
from api.ending_tasks import Ack, ResultRefused, ack_tasks, fail_task
from api.schemas.fields import write_timestamp
from api.services import services
from api.sockets.connection import Connection
from api.sockets.feeding import Feeder
from api.sockets.hand import InHand, Terms
from api.sockets.messages import NATIVE, InvalidMessage
from api.sockets.refusals import UNAVAILABLE, Refusal, is_over, refusal
from api.sockets.task_socket import TaskSocket
from api.store import held_tasks, task_logs
from api.store.held_tasks import HeldTask
from api.store.task_leases import PoppedTask
from api.task_objects import popped_object
from shared.database import Transaction
from shared.errors import DatabaseUnavailable

# What an answer tells besides that all is well, or why it is not.
Outcome = dict[str, Any] | Refusal


class NativeTongue:
    """What a worker says of the tasks of one queue, and how it is answered."""

    def __init__(self, connection: Connection, socket: TaskSocket, queue: str) -> None:
        self._connection = connection
        self._hand = socket.new_hand(queue)
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's proxy declares what it stands for
        self._feeder = Feeder(app, caller(), request.environ, connection, queue, self._hand, self._tell_task)
        self._is_fed = False

    def heard(self, message: str | bytes) -> None:
        try:
            kind, said = NATIVE.read(message)
        except InvalidMessage as invalid:
            kind_told, told = NATIVE.about(message)
            self._answer(kind_told, told.get("id"), Refusal("invalid", str(invalid)))
            return
        id = said.pop("id", None)
        if kind == "ready":
            self._ready(Terms(said["max"], said["lease_seconds"], said["worker"], said["extend_leases"]))
            return
        lease_token: UUID = said["lease_token"]
        try:
            with services().database.transaction() as transaction:
                outcome = self._do(transaction, kind, id, said)
        except DatabaseUnavailable:
            outcome = UNAVAILABLE
        if is_over(kind, outcome if isinstance(outcome, Refusal) else None):
            self._hand.put_down(lease_token)
        self._answer(kind, str(id), outcome)

    def tell_lost(self, task: InHand, why: Refusal) -> None:
        self._answer(None, str(task.id), why)

    def tell_cancel_requested(self, task: InHand) -> None:
        self._tell({"type": "cancel_requested", "id": str(task.id)})

    def _ready(self, terms: Terms) -> None:
        self._hand.agree_to_no_more(terms)
        self._answer("ready", None, {})
        self._hand.agree(terms)
        if not self._is_fed:
            self._is_fed = True
            self._feeder.begin()

    def _do(self, transaction: Transaction, kind: str, id: UUID, said: dict[str, Any]) -> Outcome:
        match kind:
            case "done":
                return done(transaction, id, **said)
            case "fail":
                return fail(transaction, id, **said)
            case "extend":
                return extend(transaction, id, **said)
            case _:
                return add_lines(transaction, id, **said)

    def _tell_task(self, task: PoppedTask) -> None:
        self._tell({"type": "task", **popped_object(task)})

    def _answer(self, kind: str | None, id: str | None, outcome: Outcome) -> None:
        if isinstance(outcome, Refusal):
            self._tell({"type": "error", "of": kind, "id": id, "code": outcome.code, "detail": outcome.detail})
        else:
            self._tell({"type": "ok", "of": kind, "id": id, **outcome})

    def _tell(self, message: dict[str, Any]) -> None:
        self._connection.send(json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def done(transaction: Transaction, id: UUID, *, lease_token: UUID, result: Any) -> Outcome:
    """The same once more is as good as the first time."""
    [outcome] = ack_tasks(transaction, [Ack(id, lease_token, result)]).values()
    match outcome:
        case "acked" | "acked_before":
            return {}
        case ResultRefused(reason):
            return Refusal("invalid", f"the result is not what the run needs, the attempt has failed: {reason}")
        case _:
            return refusal(transaction.cursor, id, lease_token, outcome)


def fail(
    transaction: Transaction, id: UUID, *, lease_token: UUID, error: str, retry: bool, delay_seconds: float
) -> Outcome:
    outcome = fail_task(transaction, id, lease_token, error, retry=retry, delay_seconds=delay_seconds)
    return {} if outcome == "failed" else refusal(transaction.cursor, id, lease_token, outcome)


def extend(transaction: Transaction, id: UUID, *, lease_token: UUID, lease_seconds: int) -> Outcome:
    [task] = held_tasks.held(transaction.cursor, caller().account_id, {id: lease_token}).values()
    if not isinstance(task, HeldTask):
        return refusal(transaction.cursor, id, lease_token, task)
    lease_expires_at = held_tasks.extend(transaction.cursor, task, lease_seconds)
    return {"lease_expires_at": write_timestamp(lease_expires_at), "cancel_requested": task.cancel_requested}


def add_lines(
    transaction: Transaction,
    id: UUID,
    *,
    lease_token: UUID,
    message: str | None = None,
    messages: Sequence[str] = (),
) -> Outcome:
    [task] = held_tasks.held(transaction.cursor, caller().account_id, {id: lease_token}).values()
    if not isinstance(task, HeldTask):
        return refusal(transaction.cursor, id, lease_token, task)
    lines = messages if message is None else [message]
    if not task_logs.add(transaction.cursor, task, lines):
        return Refusal("invalid", f"the log of a task has at most {task_logs.MOST_LINES} lines")
    return {"cancel_requested": task.cancel_requested}
