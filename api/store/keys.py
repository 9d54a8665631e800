"""Accounts and their API keys: rk_<id part>_<secret part>, of which only a hash of the secret is kept."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from shared.database import Cursor, only_row

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 12
SECRET_LENGTH = 43  # 256 bits in base 62


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: int
    account_id: int
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Secret:
    """A key as its owner holds it, in its two halves."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        return f"{self.prefix}_{self.secret}"

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()


def new_secret() -> Secret:
    """A key that nobody has."""
    return Secret(f"rk_{_random_text(ID_LENGTH)}", _random_text(SECRET_LENGTH))


def read_secret(text: str) -> Secret | None:
    """The halves of a key as a client sends it; None when it cannot be one.

    >>> read_secret("rk_abc_def")
    Secret(prefix='rk_abc', secret='def')
    >>> read_secret("Bearer?") is None
    True
    """
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != "rk" or not all(part.isascii() and part.isalnum() for part in parts):
        return None
    if len(text) > 200:
        return None
    return Secret(f"rk_{parts[1]}", parts[2])


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


OPEN_ACCOUNT = """
INSERT INTO accounts DEFAULT VALUES
RETURNING id
"""


def open_account(cursor: Cursor) -> int:
    cursor.execute(OPEN_ACCOUNT)
    return int(only_row(cursor)[0])


ADD = """
INSERT INTO api_keys (account_id, name, prefix, secret_sha256)
VALUES (%(account_id)s, %(name)s, %(prefix)s, %(secret_sha256)s)
RETURNING id, account_id, name, prefix, created_at, last_used_at
"""


def add(cursor: Cursor, account_id: int, name: str, secret: Secret) -> ApiKey:
    cursor.execute(
        ADD,
        {"account_id": account_id, "name": name, "prefix": secret.prefix, "secret_sha256": secret.sha256},
    )
    return ApiKey(*only_row(cursor))


FIND = """
SELECT id, account_id, name, prefix, created_at, last_used_at, secret_sha256,
       last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS use_is_worth_noting
FROM api_keys
WHERE prefix = %(prefix)s
"""

NOTE_USE = """
UPDATE api_keys
SET last_used_at = now()
WHERE id = %(id)s
"""


def authenticate(cursor: Cursor, secret: Secret) -> ApiKey | None:
    """The key that this secret proves to hold; its use is noted once a minute, not with every request."""
    cursor.execute(FIND, {"prefix": secret.prefix})
    row = cursor.fetchone()
    if row is None or not hmac.compare_digest(bytes(row[6]), secret.sha256):
        return None
    if row[7]:
        cursor.execute(NOTE_USE, {"id": row[0]})
    return ApiKey(*row[:6])


LIST = """
SELECT id, account_id, name, prefix, created_at, last_used_at
FROM api_keys
WHERE account_id = %(account_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s
"""


def page(cursor: Cursor, account_id: int, *, after: int, limit: int) -> list[ApiKey]:
    cursor.execute(LIST, {"account_id": account_id, "after": after, "limit": limit})
    return [ApiKey(*row) for row in cursor.fetchall()]


LOCK_ACCOUNT = """
SELECT id
FROM accounts
WHERE id = %(account_id)s
FOR UPDATE
"""

REVOKE = """
DELETE FROM api_keys
WHERE account_id = %(account_id)s AND id = %(id)s
"""

CLOSE_ACCOUNT_WITHOUT_KEYS = """
DELETE FROM accounts
WHERE id = %(account_id)s AND NOT EXISTS (SELECT 1 FROM api_keys WHERE account_id = %(account_id)s)
"""


def revoke(cursor: Cursor, account_id: int, key_id: int) -> bool:
    """Delete a key, and with the account's last key the account and all its data; whether it was there.

    The account is locked first: of two last keys revoked at once, one must see that it is the last.
    """
    cursor.execute(LOCK_ACCOUNT, {"account_id": account_id})
    cursor.execute(REVOKE, {"account_id": account_id, "id": key_id})
    revoked = cursor.rowcount == 1
    cursor.execute(CLOSE_ACCOUNT_WITHOUT_KEYS, {"account_id": account_id})
    return revoked
