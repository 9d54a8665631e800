"""The WebSocket of infinitas: a client registers processors by name, is given jobs in turn, and tells how they end.

Its document says what the library does, not what it sends: these messages are ours, docs/websocket.md tells them.
"""

import json
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Flask, Response, current_app, request

from api.auth import caller
from api.compat.infinitas_messages import MESSAGES
from api.compat.infinitas_processors import EXTENSION, Processors
from api.ending_tasks import Ack, ResultRefused, ack_tasks, fail_task
from api.schemas.fields import write_timestamp
from api.services import services
from api.sockets.connection import Connection
from api.sockets.feeding import Feeder
from api.sockets.hand import Hand, InHand, Terms
from api.sockets.messages import InvalidMessage
from api.sockets.opening import open_socket
from api.sockets.refusals import TIMED_OUT, UNAVAILABLE, Refusal, is_over, refusal
from api.sockets.task_socket import TaskSocket
from api.store import held_tasks, task_logs
from api.store.held_tasks import HeldTask
from api.store.task_leases import PoppedTask
from shared.database import Transaction
from shared.errors import DatabaseUnavailable

PATH: Final = "/compat/infinitas/socket"
MOST_PROCESSORS: Final = 20  # of one client
MOST_REMEMBERED: Final = 1_000  # jobs that a client was given: of those that have ended it is told how
LEASE_SECONDS: Final = 60
WORKER: Final = "infinitas"
NOT_DELIVERED: Final = Refusal("invalid", "no such job was delivered on this connection")

blueprint = Blueprint("infinitas_socket", __name__)


def register(app: Flask) -> None:
    app.extensions[EXTENSION] = Processors(app.extensions["roundsman"])
    app.register_blueprint(blueprint)


@blueprint.route(PATH, websocket=True)
def processor_socket() -> Response:
    """Give jobs to the processors of the client as long as it is connected."""
    return open_socket(serve)


def serve(connection: Connection) -> None:
    socket = TaskSocket(connection)
    socket.serve(InfinitasTongue(connection, socket))


class InfinitasTongue:
    """What a client says of its processors and their jobs, and how it is answered."""

    def __init__(self, connection: Connection, socket: TaskSocket) -> None:
        self._connection = connection
        self._socket = socket
        self._hands: dict[str, Hand] = {}
        self._delivered: OrderedDict[tuple[UUID, int], PoppedTask] = OrderedDict()
        self._lock = threading.Lock()

    def heard(self, message: str | bytes) -> None:
        try:
            kind, said = MESSAGES.read(message)
        except InvalidMessage as invalid:
            of, told = MESSAGES.about(message)
            member = "name" if of == "processor" else "id"
            self._answer(of, {member: told.get(member)}, Refusal("invalid", str(invalid)))
            return
        if kind == "processor":
            self._add_processor(said["name"], Terms(said["max"], LEASE_SECONDS, WORKER))
            return
        job_id, attempt = said.pop("id"), said.pop("attempt")
        job = self._remembered(job_id, attempt)
        outcome = NOT_DELIVERED if job is None else self._told(kind, job, said)
        self._answer(kind, {"id": str(job_id)}, outcome)

    def tell_lost(self, task: InHand, why: Refusal) -> None:
        job = self._remembered(task.id, task.attempt)
        about = {"id": str(task.id), "attempt": task.attempt}
        if why is TIMED_OUT:
            self._tell({"type": "timeout", **about, "timeout": job and _timeout_ms(job)})
        else:
            self._tell({"type": "lost", **about, "code": why.code, "message": why.detail})

    def tell_cancel_requested(self, task: InHand) -> None:
        self._tell({"type": "cancel_requested", "id": str(task.id), "attempt": task.attempt})

    def _add_processor(self, name: str, terms: Terms) -> None:
        if name in self._hands:
            self._hands[name].agree_to_no_more(terms)
            self._answer("processor", {"name": name}, None)
            self._hands[name].agree(terms)
            return
        if len(self._hands) == MOST_PROCESSORS:
            reason = f"a client has at most {MOST_PROCESSORS} processors on one connection"
            self._answer("processor", {"name": name}, Refusal("invalid", reason))
            return
        hand = self._hands[name] = self._socket.new_hand(name)
        hand.agree(terms)
        self._answer("processor", {"name": name}, None)
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's proxy declares what it stands for
        # One at a time, and in line again: whoever else has a processor of this name has its turn.
        Feeder(app, caller(), request.environ, self._connection, name, hand, self._deliver, at_once=1).begin()

    def _told(self, kind: str, job: PoppedTask, said: dict[str, Any]) -> Refusal | None:
        """Do what the client says of a job that it was given; None when that was right."""
        try:
            with services().database.transaction() as transaction:
                outcome = _do(transaction, kind, job, **said)
        except DatabaseUnavailable:
            return UNAVAILABLE
        if is_over(kind, outcome):
            for hand in self._socket.hands:
                hand.put_down(job.lease_token)
        return outcome

    def _deliver(self, job: PoppedTask) -> None:
        with self._lock:
            self._delivered[job.id, job.attempt] = replace(job, payload=None)  # of which there may be a MiB each
            if len(self._delivered) > MOST_REMEMBERED:
                self._delivered.popitem(last=False)
        self._tell(
            {
                "type": "job",
                "id": str(job.id),
                "attempt": job.attempt,
                "name": job.queue,
                "date": write_timestamp(job.scheduled_for),
                "timeout": _timeout_ms(job),
                "payload": job.payload,
            }
        )

    def _remembered(self, job_id: UUID, attempt: int | None) -> PoppedTask | None:
        with self._lock:
            if attempt is not None:
                return self._delivered.get((job_id, attempt))
            return next((job for job in reversed(self._delivered.values()) if job.id == job_id), None)

    def _answer(self, kind: str | None, about: dict[str, Any], outcome: Refusal | None) -> None:
        if outcome is None:
            self._tell({"type": "ok", "of": kind, **about})
        else:
            self._tell({"type": "error", "of": kind, **about, "code": outcome.code, "message": outcome.detail})

    def _tell(self, message: dict[str, Any]) -> None:
        self._connection.send(json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _do(
    transaction: Transaction, kind: str, job: PoppedTask, *, message: str = "", error: str = "", result: Any = None
) -> Refusal | None:
    match kind:
        case "done":
            [outcome] = ack_tasks(transaction, [Ack(job.id, job.lease_token, result)]).values()
            if isinstance(outcome, ResultRefused):
                return Refusal("invalid", f"the result is not what the run needs, the job has failed: {outcome.reason}")
            if outcome == "acked":
                return None
            return refusal(transaction.cursor, job.id, job.lease_token, outcome)
        case "fail":
            failed = fail_task(transaction, job.id, job.lease_token, error, retry=False, delay_seconds=0)
            if failed == "failed":
                return None
            return refusal(transaction.cursor, job.id, job.lease_token, failed)
        case _:
            return _log(transaction, job, message)


def _log(transaction: Transaction, job: PoppedTask, message: str) -> Refusal | None:
    """Add a line, also when the time of the job is over: that does not end its log."""
    [task] = held_tasks.held(transaction.cursor, caller().account_id, {job.id: job.lease_token}).values()
    if not isinstance(task, HeldTask):
        why = refusal(transaction.cursor, job.id, job.lease_token, task)
        if why is not TIMED_OUT:
            return why
    if not task_logs.add(transaction.cursor, job, [message]):
        return Refusal("invalid", f"the log of a job has at most {task_logs.MOST_LINES} lines")
    return None


def _timeout_ms(job: PoppedTask) -> int | None:
    return None if job.timeout_seconds is None else job.timeout_seconds * 1_000
