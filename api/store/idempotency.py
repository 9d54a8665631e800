"""Answers to requests with an Idempotency-Key, kept for 24 hours."""

from dataclasses import dataclass
from typing import Any

from psycopg2.extras import Json

from shared.database import Cursor, only_row


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What was answered to the first request with this key; `fingerprint` tells which request that was."""

    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: Any


FORGET_OLD = """
DELETE FROM idempotency_keys
WHERE account_id = %(account_id)s AND key = %(key)s AND created_at < now() - interval '24 hours'
"""

# Another request with the same key that has not ended yet is waited for: its row is there, uncommitted.
TAKE = """
INSERT INTO idempotency_keys (account_id, key, fingerprint)
VALUES (%(account_id)s, %(key)s, %(fingerprint)s)
ON CONFLICT DO NOTHING
"""

FIRST_ANSWER = """
SELECT fingerprint, status, headers, body
FROM idempotency_keys
WHERE account_id = %(account_id)s AND key = %(key)s
"""


def take(cursor: Cursor, account_id: int, key: str, fingerprint: bytes) -> FirstAnswer | None:
    """Claim the key for this transaction; the first answer when it has been used before."""
    values = {"account_id": account_id, "key": key, "fingerprint": fingerprint}
    cursor.execute(FORGET_OLD, values)
    cursor.execute(TAKE, values)
    if cursor.rowcount == 1:
        return None
    cursor.execute(FIRST_ANSWER, values)
    found, status, headers, body = only_row(cursor)
    return FirstAnswer(bytes(found), status, headers, body)


ANSWERED = """
UPDATE idempotency_keys
SET status = %(status)s, headers = %(headers)s, body = %(body)s
WHERE account_id = %(account_id)s AND key = %(key)s
"""


def answered(cursor: Cursor, account_id: int, key: str, *, status: int, headers: dict[str, str], body: Any) -> None:
    """Keep the answer, in the transaction that created what it speaks of."""
    cursor.execute(
        ANSWERED,
        {
            "account_id": account_id,
            "key": key,
            "status": status,
            "headers": Json(headers),
            "body": Json(body),
        },
    )


FORGET = """
DELETE FROM idempotency_keys
WHERE account_id = %(account_id)s AND key = %(key)s
"""


def forget(cursor: Cursor, account_id: int, key: str) -> None:
    """Let the key be as if it had never been used; another transaction that does the same is waited for."""
    cursor.execute(FORGET, {"account_id": account_id, "key": key})
