"""For receivers of webhooks: whether what came was sent by the service, as Standard Webhooks 1.0 has it.

    from roundsman.webhooks import WebhookNotVerified, verify

    event = verify(secret, request.headers, request.get_data())
    print(event["type"], event["data"])

`webhook-id` is the same for every attempt and replay of an event: remember those that were dealt with.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

SECRET_PREFIX = "whsec_"  # noqa: S105 (how every secret begins)
TIMESTAMP = re.compile(r"[0-9]{1,12}")


class WebhookNotVerified(Exception):
    """What came is not to be trusted; the message says why."""


class InvalidSecret(ValueError):
    """The secret of the webhook cannot be one; the message does not repeat it."""


class Headers(Protocol):
    """The headers of a request, as every framework has them."""

    def items(self) -> Iterable[tuple[str, str]]: ...


def verify(
    secret: str, headers: Headers, body: bytes, now: datetime | None = None, tolerance_seconds: float = 300
) -> dict[str, Any]:
    """The event in this request: `{"type", "timestamp", "data"}`.

    `body` is the request's, byte by byte as it came. Raises WebhookNotVerified and InvalidSecret.

    >>> secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    >>> headers = {
    ...     "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...     "webhook-timestamp": "1614265330",
    ...     "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ... }
    >>> verify(secret, headers, body, now=datetime.fromtimestamp(1614265330, UTC))
    {'test': 2432232314}
    >>> verify(secret, headers, body, now=datetime.fromtimestamp(1614269999, UTC))
    Traceback (most recent call last):
        ...
    roundsman.webhooks.WebhookNotVerified: webhook-timestamp is 4669 s in the past: at most 300 s are accepted
    """
    key = signing_key(secret)
    given = {name.lower(): value for name, value in headers.items()}
    id = _header(given, "webhook-id")
    timestamp = _header(given, "webhook-timestamp")
    signatures = _header(given, "webhook-signature").split(" ")
    _check_age(timestamp, datetime.now(UTC) if now is None else now, tolerance_seconds)
    expected = _signature(key, id, timestamp, body)
    # All of them, so that how long it takes does not tell which one came close.
    matches = [hmac.compare_digest(expected, each.encode("utf-8", "surrogatepass")) for each in signatures]
    if not any(matches):
        raise WebhookNotVerified("webhook-signature does not match: another secret, or not what was signed")
    return _event(body)


def signing_key(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises InvalidSecret.

    >>> signing_key("whsec_cm91bmRz")
    b'rounds'
    """
    encoded = secret.strip().removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if not key or not secret.strip().startswith(SECRET_PREFIX):
        raise InvalidSecret(f"the secret of a webhook is {SECRET_PREFIX} followed by base64")
    return key


def _header(headers: dict[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise WebhookNotVerified(f"there is no {name} header")
    return value


def _check_age(timestamp: str, now: datetime, tolerance_seconds: float) -> None:
    if not TIMESTAMP.fullmatch(timestamp):
        raise WebhookNotVerified("webhook-timestamp is not in whole seconds since 1970")
    age = now.timestamp() - int(timestamp)
    if abs(age) > tolerance_seconds:
        where = "in the past" if age > 0 else "in the future"
        allowed = f"at most {tolerance_seconds:g} s are accepted"
        raise WebhookNotVerified(f"webhook-timestamp is {abs(age):.0f} s {where}: {allowed}")


def _signature(key: bytes, id: str, timestamp: str, body: bytes) -> bytes:
    signed = b".".join((id.encode("utf-8", "surrogatepass"), timestamp.encode(), body))
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise WebhookNotVerified("the signature matches, but the body is no JSON object")
    return event
