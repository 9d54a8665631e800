"""Secrets of webhooks: shown once, kept sealed, told again only to who repeats the request, and rotated."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from shared.database import Database
from shared.errors import SealBroken
from shared.seal import Seal
from shared.settings import Settings
from tests.api_client import ApiClient, pages, problem
from tests.rows import row_counts

ALL = {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]}


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def stored(database: Database, webhook_id: int, columns: str = "secret") -> tuple[Any, ...]:
    with database.reading() as cursor:
        cursor.execute(f"SELECT {columns} FROM webhooks WHERE id = %s", (webhook_id,))  # noqa: S608 (the test's own words)
        [row] = cursor.fetchall()
    return row


def test_a_secret_is_24_bytes_in_the_form_of_standard_webhooks(fresh: ApiClient) -> None:
    secret = fresh.make("/webhooks", ALL)["secret"]
    assert secret.startswith("whsec_")
    assert len(key_of(secret)) == 24


def test_two_webhooks_never_share_a_secret(fresh: ApiClient) -> None:
    secrets = {fresh.make("/webhooks", ALL)["secret"] for _ in range(5)}
    assert len(secrets) == 5


def test_no_answer_but_the_first_shows_the_secret(fresh: ApiClient) -> None:
    created = fresh.make("/webhooks", ALL)
    path = f"/webhooks/{created['id']}"
    answers = [
        fresh.get(path),
        fresh.get("/webhooks"),
        fresh.put(path, ALL | {"description": "replaced"}),
        fresh.post(f"{path}/test"),
        fresh.get(f"{path}/deliveries"),
        fresh.get("/deliveries"),
        fresh.get("/events"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 202, 200, 200, 200]
    for answer in answers:
        assert "whsec_" not in answer.text
        assert created["secret"].removeprefix("whsec_") not in answer.text
        assert "secret" not in answer.text.replace("previous_secret_until", "")


def test_no_secret_is_logged(fresh: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    created = fresh.make("/webhooks", ALL)
    rotated = fresh.post(f"/webhooks/{created['id']}/rotate-secret").json
    assert "/rotate-secret" in caplog.text
    for secret in (created["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in caplog.text


def test_the_secret_is_nowhere_in_the_database_and_is_there_sealed(
    fresh: ApiClient, database: Database, settings: Settings
) -> None:
    created = fresh.post("/webhooks", ALL, headers={"Idempotency-Key": "kept"}).json
    rotated = fresh.post(f"/webhooks/{created['id']}/rotate-secret", headers={"Idempotency-Key": "kept too"}).json
    fresh.make(f"/webhooks/{created['id']}/test", {})
    secret, previous = stored(database, created["id"], "secret, previous_secret")
    seal = Seal(settings.secret_keys)
    assert seal.open(secret) == key_of(rotated["secret"])
    assert seal.open(previous) == key_of(created["secret"])
    with pytest.raises(SealBroken):
        Seal(["another key altogether"]).open(secret)
    plain = [
        form
        for told in (created, rotated)
        for form in (told["secret"].removeprefix("whsec_"), key_of(told["secret"]).hex())
    ]
    with database.reading() as cursor:
        for table in row_counts(cursor):
            cursor.execute(f"SELECT {table}::text FROM {table}")  # noqa: S608 (the name comes out of the catalogue)
            for (row,) in cursor.fetchall():
                assert not any(form in row for form in plain), table


def test_a_repeated_request_gets_the_same_secret_again_and_makes_no_second_webhook(fresh: ApiClient) -> None:
    headers = {"Idempotency-Key": "one"}
    first, again = (fresh.post("/webhooks", ALL, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert (first.headers.get("Idempotent-Replay"), again.headers.get("Idempotent-Replay")) == (None, "true")
    assert len(pages(fresh, "/webhooks", 10)) == 1
    problem(fresh.post("/webhooks", ALL | {"enabled": False}, headers=headers), 422)


def test_without_a_key_to_seal_with_no_webhook_is_made_and_the_answer_names_the_setting(
    app_with: Callable[..., ApiClient], database: Database
) -> None:
    api = app_with(secret_keys=()).signed_up()
    answer = api.post("/webhooks", ALL, headers={"Idempotency-Key": "a"})
    assert "ROUNDSMAN_SECRET_KEY is not set" in problem(answer, 503)["detail"]
    assert "Retry-After" not in answer.headers
    assert pages(api, "/webhooks", 10) == []
    with_key = app_with()
    mended = ApiClient(with_key.client, api.key).post("/webhooks", ALL, headers={"Idempotency-Key": "a"})
    assert mended.status_code == 201
    assert "ROUNDSMAN_SECRET_KEY" in problem(api.post(f"{mended.headers['Location']}/rotate-secret"), 503)["detail"]


def test_an_answer_that_was_sealed_with_a_key_that_is_gone_is_not_repeated(
    fresh: ApiClient, app_with: Callable[..., ApiClient]
) -> None:
    headers = {"Idempotency-Key": "a"}
    fresh.post("/webhooks", ALL, headers=headers)
    other = ApiClient(app_with(secret_keys=("another key altogether",)).client, fresh.key)
    answer = other.post("/webhooks", ALL, headers=headers)
    assert "not in ROUNDSMAN_SECRET_KEY" in problem(answer, 503)["detail"]
    assert len(pages(other, "/webhooks", 10)) == 1


def test_a_rotation_shows_a_new_secret_once_and_lets_the_one_before_sign_for_a_day(
    fresh: ApiClient, database: Database
) -> None:
    created = fresh.make("/webhooks", ALL)
    before = bytes(stored(database, created["id"])[0])
    answer = fresh.post(f"/webhooks/{created['id']}/rotate-secret")
    assert answer.status_code == 200
    rotated = answer.json
    assert rotated["secret"] != created["secret"]
    assert len(key_of(rotated.pop("secret"))) == 24
    assert fresh.get(f"/webhooks/{created['id']}").json == rotated
    previous, hours = stored(
        database,
        created["id"],
        "previous_secret, extract(epoch FROM previous_secret_until - updated_at) / 3600",
    )
    assert (bytes(previous), float(hours)) == (before, 24.0)
    assert rotated["previous_secret_until"] > rotated["updated_at"]


def test_of_two_rotations_only_the_last_secret_before_is_kept(
    fresh: ApiClient, database: Database, settings: Settings
) -> None:
    created = fresh.make("/webhooks", ALL)
    path = f"/webhooks/{created['id']}/rotate-secret"
    first, second = (fresh.post(path).json["secret"] for _ in range(2))
    secret, previous = stored(database, created["id"], "secret, previous_secret")
    seal = Seal(settings.secret_keys)
    assert [seal.open(sealed) for sealed in (secret, previous)] == [key_of(second), key_of(first)]


def test_a_repeated_rotation_tells_the_same_secret_again_and_keeps_the_one_before(
    fresh: ApiClient, database: Database, settings: Settings
) -> None:
    created = fresh.make("/webhooks", ALL)
    path, headers = f"/webhooks/{created['id']}/rotate-secret", {"Idempotency-Key": "one"}
    first, again = (fresh.post(path, headers=headers) for _ in range(2))
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert (first.headers.get("Idempotent-Replay"), again.headers.get("Idempotent-Replay")) == (None, "true")
    secret, previous = stored(database, created["id"], "secret, previous_secret")
    seal = Seal(settings.secret_keys)
    assert [seal.open(sealed) for sealed in (secret, previous)] == [
        key_of(first.json["secret"]),
        key_of(created["secret"]),
    ]


def test_a_replacement_keeps_the_secret_and_takes_none(fresh: ApiClient, database: Database) -> None:
    created = fresh.make("/webhooks", ALL)
    before = bytes(stored(database, created["id"])[0])
    assert "secret" not in fresh.put(f"/webhooks/{created['id']}", ALL | {"description": "replaced"}).json
    problem(fresh.put(f"/webhooks/{created['id']}", ALL | {"secret": "whsec_mine"}), 422)
    assert bytes(stored(database, created["id"])[0]) == before
