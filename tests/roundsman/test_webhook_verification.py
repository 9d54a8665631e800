"""`roundsman.webhooks.verify`: only what the service has signed, and just now, is an event."""

import base64
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest
from standardwebhooks import Webhook

from roundsman.webhooks import InvalidSecret, WebhookNotVerified, signing_key, verify
from tests.roundsman.outbound_objects import SECRET

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = b'{"type": "run.finished", "timestamp": "2026-03-01T12:00:00Z", "data": {"name": "\xc3\xa9t\xc3\xa9"}}'
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()


def signed(
    body: bytes = BODY, *, secret: str = SECRET, id: str = "msg_1", at: datetime = NOW, **headers: str
) -> dict[str, str]:
    """The headers as another implementation of the standard makes them."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(msg_id=id, timestamp=at, data=body.decode()),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }


def refused(headers: dict[str, str], body: bytes = BODY, *, secret: str = SECRET) -> str:
    with pytest.raises(WebhookNotVerified) as raised:
        verify(secret, headers, body, now=NOW)
    return str(raised.value)


def test_what_another_implementation_signs_is_verified():
    assert verify(SECRET, signed(), BODY, now=NOW)["data"] == {"name": "été"}


def test_by_default_now_is_now():
    assert verify(SECRET, signed(at=datetime.now(UTC)), BODY)["type"] == "run.finished"
    with pytest.raises(WebhookNotVerified, match="in the past"):
        verify(SECRET, signed(at=datetime.now(UTC) - timedelta(hours=1)), BODY)


def test_names_of_headers_may_be_in_any_case_and_in_any_kind_of_headers():
    headers = Message()
    for name, value in signed().items():
        headers[name.title()] = value
    assert verify(SECRET, headers, BODY, now=NOW)["type"] == "run.finished"


def test_one_signature_of_several_is_enough():
    theirs = signed(secret=OTHER_SECRET)["webhook-signature"]
    ours = signed()["webhook-signature"]
    both = signed(webhook_signature=f"v1a,asymmetric {theirs} {ours}")
    assert verify(SECRET, both, BODY, now=NOW)
    assert verify(OTHER_SECRET, both, BODY, now=NOW)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (signed(), BODY.replace(b"run", b"job")),
        (signed(), BODY + b" "),
        (signed(webhook_id="msg_2"), BODY),
        (signed(webhook_timestamp=str(int(NOW.timestamp()) + 1)), BODY),
        (signed(secret=OTHER_SECRET), BODY),
        (signed(webhook_signature=signed()["webhook-signature"].replace("v1,", "v2,")), BODY),
        (signed(webhook_signature=signed()["webhook-signature"][3:]), BODY),
        (signed(webhook_signature=signed()["webhook-signature"][:-2]), BODY),
        (signed(webhook_signature="v1,"), BODY),
        (signed(webhook_signature="v1,é\ud800 ,,, v1"), BODY),
    ],
)
def test_what_was_tampered_with_is_refused(headers, body):
    assert refused(headers, body) == "webhook-signature does not match: another secret, or not what was signed"


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (-301, "webhook-timestamp is 301 s in the past: at most 300 s are accepted"),
        (301, "webhook-timestamp is 301 s in the future: at most 300 s are accepted"),
    ],
)
def test_what_is_old_or_of_the_future_is_refused_although_it_is_signed(seconds, sentence):
    assert refused(signed(at=NOW + timedelta(seconds=seconds))) == sentence


@pytest.mark.parametrize("seconds", [-300, 300])
def test_clocks_may_differ_by_the_tolerance(seconds):
    assert verify(SECRET, signed(at=NOW + timedelta(seconds=seconds)), BODY, now=NOW)
    with pytest.raises(WebhookNotVerified):
        verify(SECRET, signed(at=NOW + timedelta(seconds=seconds)), BODY, now=NOW, tolerance_seconds=299)


@pytest.mark.parametrize("timestamp", ["soon", "1.5e9", "-1", "+1", "١٢٣", "1" * 5_000, "1 2"])
def test_a_timestamp_that_is_none_is_refused(timestamp):
    assert refused(signed(webhook_timestamp=timestamp)) == "webhook-timestamp is not in whole seconds since 1970"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_or_empty_is_named(name):
    headers = signed()
    assert refused({**headers, name: " "}) == f"there is no {name} header"
    del headers[name]
    assert refused(headers) == f"there is no {name} header"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"[" * 50_000])
def test_a_signed_body_that_is_no_object_is_no_event(body):
    assert refused(signed(body), body) == "the signature matches, but the body is no JSON object"


@pytest.mark.parametrize("secret", ["", "whsec_", SECRET.removeprefix("whsec_"), "whsec_a", "whsec_été", "whsec_a b"])
def test_a_secret_that_cannot_be_one_is_refused_and_not_repeated(secret):
    with pytest.raises(InvalidSecret) as raised:
        verify(secret, signed(), BODY, now=NOW)
    assert str(raised.value) == "the secret of a webhook is whsec_ followed by base64"


def test_the_line_end_of_a_file_does_not_belong_to_a_secret():
    assert signing_key(f"{SECRET}\n") == signing_key(SECRET)
