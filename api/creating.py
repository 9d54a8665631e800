"""Creating once: the transaction of a POST, its Idempotency-Key, and the answer that is kept with what it created."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from api.auth import caller
from api.errors import FieldProblem, InvalidInput
from api.json_body import read_body
from api.services import services
from api.store import idempotency
from shared.crash_points import CrashPoint, reach
from shared.database import Transaction

PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers: a JSON body with its status and headers."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        text = json.dumps(self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Response(text, self.status, headers=self.headers, mimetype="application/json")


def create(creation: Callable[[Transaction], Answer], *, writes_once: bool = False) -> Answer:
    """Do this in one transaction; a repeated request with the same Idempotency-Key gets the first answer again.

    `writes_once` says that it is one statement that writes: without a key that needs no BEGIN and COMMIT around it.
    """
    key = idempotency_key()
    if key is None and writes_once:
        reach(CrashPoint.API_BEFORE_COMMIT)
        with services().database.statement() as statement:
            answer = creation(statement)
        reach(CrashPoint.API_AFTER_COMMIT)
        return answer
    # Read before a connection is taken: no transaction waits for a client.
    fingerprint = b"" if key is None else request_fingerprint()
    with services().database.transaction() as transaction:
        answer = creation(transaction) if key is None else _create_once(transaction, key, fingerprint, creation)
        reach(CrashPoint.API_BEFORE_COMMIT)
    reach(CrashPoint.API_AFTER_COMMIT)
    return answer


def idempotency_key() -> str | None:
    """The request's Idempotency-Key, quoted or bare; raises InvalidInput when it is none that we accept."""
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    if not PRINTABLE.fullmatch(text):
        raise InvalidInput(
            "the Idempotency-Key is not valid",
            errors=[FieldProblem("", "Idempotency-Key must be 1 to 255 printable ASCII characters")],
        )
    return text


def _create_once(
    transaction: Transaction, key: str, fingerprint: bytes, creation: Callable[[Transaction], Answer]
) -> Answer:
    account_id = caller().account_id
    first = idempotency.take(transaction.cursor, account_id, key, fingerprint)
    if first is None:
        answer = creation(transaction)
        idempotency.answered(
            transaction.cursor,
            account_id,
            key,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
        )
        return answer
    if first.fingerprint != fingerprint:
        raise InvalidInput(
            "this Idempotency-Key was used for another request; use a new key, or repeat that request unchanged"
        )
    return Answer(first.body, first.status, first.headers | {"Idempotent-Replay": "true"})


def request_fingerprint() -> bytes:
    """Which request this is: method, path and body to the byte."""
    parts = (request.method.encode(), request.path.encode(), read_body())
    return hashlib.sha256(b"\0".join(parts)).digest()
