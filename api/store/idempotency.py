"""Answers to requests with an Idempotency-Key, kept for 24 hours."""

from dataclasses import dataclass
from typing import Any

from psycopg2.extras import Json

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What was answered to the first request with this key; `fingerprint` tells which request that was."""

    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: Any


# Another request with the same key that has not ended yet is waited for: its row is there, uncommitted. A row that is
# left as it is has been locked by this all the same, so that its answer is there to be read.
TAKE = """
INSERT INTO idempotency_keys (account_id, key, fingerprint)
VALUES (%(account_id)s, %(key)s, %(fingerprint)s)
ON CONFLICT (account_id, key) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint,
    status = NULL,
    headers = NULL,
    body = NULL,
    created_at = now()
WHERE idempotency_keys.created_at < now() - interval '24 hours'
"""


def take(cursor: Cursor, account_id: int, key: str, fingerprint: bytes) -> FirstAnswer | None:
    """Claim the key for this transaction, which the cursor must be of; the first answer when it was used before."""
    cursor.execute(TAKE, {"account_id": account_id, "key": key, "fingerprint": fingerprint})
    return None if cursor.rowcount == 1 else first_answer(cursor, account_id, key)


FIRST_ANSWER = """
SELECT fingerprint, status, headers, body
FROM idempotency_keys
WHERE account_id = %(account_id)s AND key = %(key)s AND created_at >= now() - interval '24 hours'
"""


def first_answer(cursor: Cursor, account_id: int, key: str) -> FirstAnswer | None:
    """What was answered under this key, if that has been committed; None claims nothing."""
    cursor.execute(FIRST_ANSWER, {"account_id": account_id, "key": key})
    row = cursor.fetchone()
    return FirstAnswer(bytes(row[0]), *row[1:]) if row else None


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
