import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from worker.redaction import REDACTED, redacted

SECRET = "hunter2hunter2"
NAMES = [
    "password",
    "Password",
    "user_password",
    "passwd",
    "passphrase",
    "db-pwd",
    "secret",
    "client_secret",
    "clientSecret",
    "token",
    "access_token",
    "refreshToken",
    "X-Auth-Token",
    "api_key",
    "apiKey",
    "API-KEY",
    "x-api-key",
    "private_key",
    "aws.secret.access.key",
    "authorization",
    "Proxy-Authorization",
    "Cookie",
    "set-cookie",
    "session_id",
    "credentials",
]

WAYS = [
    '{{"{name}": "{secret}"}}',
    '{{"a": 1, "{name}" : "{secret}", "b": 2}}',
    '{{"{name}":"{secret}',
    '{{"{name}": "\\"{secret}"}}',
    '{{"{name}": "a, b}} {secret}"}}',
    "{{'{name}': '{secret}'}}",
    '{{"{name}": ["x", "{secret}"]}}',
    '{{"{name}": {{"kind": "x", "inner": {{"y": 1}}, "value": "{secret}"}}}}',
    '{{"{name}": {{"odd": "}}", "value": "{secret}"}}}}',
    '{{"{name}": ["]", "{secret}',
    '{{"text": "{{\\"{name}\\":\\"{secret}\\"}}"}}',
    '{{"text": "{{\\"{name}\\":\\"a \\\\\\"quoted\\\\\\" {secret}\\"}}"}}',
    '{{"text": "{{\\"{name}\\":[\\"a\\",\\"{secret}\\"]}}"}}',
    "{name}={secret}",
    "a=1&{name}={secret}&b=2",
    "https://example.com/?{name}={secret}",
    "{name}: {secret}",
    "HTTP/1.1 200 OK\n{name}: {secret}\nX: y",
    "{name} => {secret}",
    "<{name}>{secret}</{name}>",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_known_by_the_name_beside_it(way: str, name: str) -> None:
    shown = redacted(way.format(name=name, secret=SECRET))
    assert SECRET not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {SECRET}",
        f'["authorization", "Bearer {SECRET}"]',
        f"sent BEARER  {SECRET}.",
        f"Authorization: Digest username=a, response={SECRET}",
        f"Cookie: a=b; c={SECRET}; d",
        '["authorization", "Basic aHVudGVyMmh1bnRlcjI="]'.replace("aHVudGVyMmh1bnRlcjI=", f"{SECRET}="),
        f"rk_1a2b3c_{SECRET}",
        f"rejected rk_{SECRET}_1a2b3c.",
        f"whsec_{SECRET}==",
        f"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.{SECRET}",
        f"https://ann:{SECRET}@example.com/",
        f"https://{SECRET}@example.com/",
        f"postgres://ann:p@{SECRET}@example.com/",
        f"https:\\/\\/ann:{SECRET}@example.com\\/",
    ],
)
def test_a_secret_is_known_by_its_looks(text: str) -> None:
    assert SECRET not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"error": "no such user", "id": 7}',
        "Bearer token required",
        "Basic authentication is needed",
        "the token has expired",
        "wrong password",
        "write to ann@example.com",
        "https://example.com/a?b=c",
        "work_id_5 and mark_up_x",
        '{"keyboard": "de", "monkey": "x", "author": "ann"}',
        "<!doctype html><h1>Sign in</h1>",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    text = f'{{"error": "expired", "token": "{SECRET}", "hint": ["sign in", {{"at": "https://a:b@c.example/d"}}]}}'
    assert redacted(text) == (
        '{"error": "expired", "token": [redacted], "hint": ["sign in", {"at": "https://[redacted]@c.example/d"}]}'
    )


values = some.recursive(
    some.text(max_size=8) | some.integers() | some.just(SECRET) | some.none(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(values, some.sampled_from(NAMES), some.sampled_from([None, 1]), some.booleans(), some.integers(0, 400))
def test_no_json_value_beside_such_a_name_is_shown(value: Any, name: str, indent: Any, nested: bool, cut: int) -> None:
    text = json.dumps({"first": 1, name: [value, SECRET], "last": 2}, indent=indent)
    if nested:
        text = json.dumps({"body": text})
    assert SECRET not in redacted(text)
    assert SECRET not in redacted(text[:cut])


@given(some.text(alphabet="token=:\"'\\{}[]@/ bearer_rk\n", max_size=300))
def test_any_text_is_read_without_an_accident(text: str) -> None:
    assert len(redacted(text)) <= len(text) * (len(REDACTED) + 1)
