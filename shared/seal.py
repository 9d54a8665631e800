"""Secrets at rest: sealed with a key from the settings, so that a copy of the database does not give them away."""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import SealBroken


class Seal:
    """Seals with the first of the keys, opens with any of them: a new key is put before the old one."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_derived(key)) for key in keys]) if keys else None

    def seal(self, secret: bytes) -> bytes:
        """The secret as it may be stored. Raises SealBroken without a key."""
        return self._with_key().encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """The secret again. Raises SealBroken if none of the keys has sealed it."""
        try:
            return self._with_key().decrypt(bytes(sealed))
        except InvalidToken:
            raise SealBroken("a secret was sealed with a key that is not in ROUNDSMAN_SECRET_KEY") from None

    def _with_key(self) -> MultiFernet:
        if self._fernet is None:
            raise SealBroken("ROUNDSMAN_SECRET_KEY is not set, and secrets cannot be kept without it")
        return self._fernet


def _derived(key: str) -> bytes:
    """Fernet wants 32 bytes in base64; the settings take any text that is long enough to be a key."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())
