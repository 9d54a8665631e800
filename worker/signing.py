"""Standard Webhooks 1.0: what proves to a receiver who has sent a message, and when."""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signatures(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature: one for each secret, so that receivers change theirs when it suits them.

    >>> secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> signatures([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
