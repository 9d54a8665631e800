"""Why a worker does not get what it asks for over a socket: a code for programs, a sentence for people."""

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from api.auth import caller
from api.store import socket_leases
from api.store.held_tasks import NotHeld
from shared.database import Cursor

Code = Literal["lease_lost", "job_timed_out", "job_done", "job_failed", "invalid", "unavailable"]


@dataclass(frozen=True, slots=True)
class Refusal:
    code: Code
    detail: str


LEASE_LOST: Final = Refusal(
    "lease_lost", "the lease with this token is not in force; leave the task to whoever has it now"
)
TIMED_OUT: Final = Refusal("job_timed_out", "the attempt has taken longer than the timeout_seconds of its task")
DONE: Final = Refusal("job_done", "done was said before for this attempt")
FAILED: Final = Refusal("job_failed", "fail was said before for this attempt")
UNKNOWN: Final = Refusal("invalid", "there is no such task")
UNAVAILABLE: Final = Refusal("unavailable", "the database is out of reach; say it again")
ENDS: Final = ("lease_lost", "job_timed_out", "job_done", "job_failed")
# How an attempt ended, as its worker gets to know it.
BY_OUTCOME: Final = {"succeeded": DONE, "failed": FAILED, "timeout": TIMED_OUT}


def refusal(cursor: Cursor, task_id: UUID, lease_token: UUID, standing: NotHeld) -> Refusal:
    """Why this token gives no right to its task."""
    match standing:
        case "acked_before":
            return DONE
        case "job_timed_out":
            return TIMED_OUT
        case "unknown":
            return UNKNOWN
    ended = socket_leases.outcomes(cursor, caller().account_id, {task_id: lease_token})
    return BY_OUTCOME.get(ended.get(lease_token) or "", LEASE_LOST)


def is_over(kind: str, refused: Refusal | None) -> bool:
    """Whether a client that said this of a task, and was so answered, has it no longer."""
    if refused is None:
        return kind in ("done", "fail")
    return refused.code in ENDS or (kind in ("done", "fail") and refused.code == "invalid")
