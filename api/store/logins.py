"""Logging in to the dashboard: links that work once, and the secret that signs its cookies."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from api.store.keys import ApiKey
from shared.database import Cursor, only_row

LINK_SECONDS = 3_600

SIGNING_KEY = """
SELECT secret
FROM dashboard_secret
"""


def secret(cursor: Cursor) -> bytes:
    cursor.execute(SIGNING_KEY)
    return bytes(only_row(cursor)[0])


# Those of this key that nobody opened go as well, so that a key never has more than a few.
ADD_LINK = """
WITH expired_links AS (
    DELETE FROM login_links
    WHERE key_id = %(key_id)s AND expires_at <= now()
)
INSERT INTO login_links (token_sha256, key_id, expires_at)
VALUES (%(token_sha256)s, %(key_id)s, now() + make_interval(secs => %(seconds)s))
RETURNING expires_at
"""


def add_link(cursor: Cursor, key_id: int, token: str) -> datetime:
    """Let whoever opens a link with this token first log in with the key, for an hour; when that ends."""
    cursor.execute(ADD_LINK, {"key_id": key_id, "token_sha256": _hash(token), "seconds": LINK_SECONDS})
    expires_at: datetime = only_row(cursor)[0]
    return expires_at


USE_LINK = """
DELETE FROM login_links
WHERE token_sha256 = %(token_sha256)s
RETURNING key_id, expires_at > now()
"""


def use_link(cursor: Cursor, token: str) -> int | None:
    """The id of the key that this token logs in with, this once; None when it has been used or is too old."""
    cursor.execute(USE_LINK, {"token_sha256": _hash(token)})
    row = cursor.fetchone()
    return int(row[0]) if row is not None and row[1] else None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The key of a session, and the database's time."""

    key: ApiKey
    now: datetime


KEY = """
SELECT id, account_id, name, prefix, created_at, last_used_at, now()
FROM api_keys
WHERE id = %(key_id)s
"""


def key(cursor: Cursor, key_id: int) -> LoggedIn | None:
    """The key with this id; None when it has been revoked."""
    cursor.execute(KEY, {"key_id": key_id})
    row = cursor.fetchone()
    return None if row is None else LoggedIn(ApiKey(*row[:-1]), row[-1])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
