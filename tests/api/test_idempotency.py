"""Idempotency-Key: the same request again gets the same answer again, and creates nothing again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.database import Database
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked

BODY = {"name": "n", "worker_url": "http://127.0.0.1:9/"}


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_the_same_request_again_is_answered_as_the_first(fresh: ApiClient) -> None:
    first = fresh.post("/checklists", BODY, headers=keyed("a"))
    again = fresh.post("/checklists", BODY, headers=keyed("a"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert len(pages(fresh, "/checklists", 10)) == 1


def test_every_creating_route_keeps_the_first_answer(fresh: ApiClient) -> None:
    id = fresh.make_checklist()["id"]
    snapshots = {"flows": [{"name": "f", "snapshots": [{"name": "n", "value": 1e23}]}]}
    for path, body in (
        ("/api-keys", {"name": "second"}),
        ("/checklists", BODY),
        (f"/checklists/{id}/run", {}),
        (f"/checklists/{id}/run", None),
        (f"/checklists/{id}/snapshots", snapshots),
    ):
        key = keyed(f"{path} {body}")
        first, again = (fresh.post(path, body, headers=key) for _ in range(2))
        assert first.status_code in (201, 202), first.text
        assert (again.status_code, again.json) == (first.status_code, first.json)
        assert again.headers["Idempotent-Replay"] == "true"
    assert len(pages(fresh, "/runs", 10)) == 2
    assert len(pages(fresh, f"/checklists/{id}/snapshots/history", 10, flow="f", name="n")) == 1


def test_the_first_answer_outlives_what_it_speaks_of(fresh: ApiClient) -> None:
    first = fresh.post("/checklists", BODY, headers=keyed("a"))
    fresh.delete(first.headers["Location"])
    assert fresh.post("/checklists", BODY, headers=keyed("a")).json == first.json
    assert pages(fresh, "/checklists", 10) == []


def test_quotes_around_the_key_are_no_part_of_it(fresh: ApiClient) -> None:
    fresh.post("/checklists", BODY, headers=keyed("a"))
    assert fresh.post("/checklists", BODY, headers=keyed('"a"')).headers["Idempotent-Replay"] == "true"


@pytest.mark.parametrize(
    ("path", "body"), [("/checklists", BODY | {"name": "m"}), ("/checklists", BODY | {"x": 1}), ("/api-keys", {})]
)
def test_another_request_under_the_same_key_is_refused(fresh: ApiClient, path: str, body: Any) -> None:
    fresh.post("/checklists", BODY, headers=keyed("a"))
    problem(fresh.post(path, body, headers=keyed("a")), 422)
    assert len(pages(fresh, "/checklists", 10)) == 1
    assert len(pages(fresh, "/api-keys", 10)) == 1


def test_a_request_that_created_nothing_does_not_use_up_its_key(fresh: ApiClient) -> None:
    fresh.make_checklist("n")
    problem(fresh.post("/checklists", BODY, headers=keyed("a")), 409)
    problem(fresh.post("/checklists/999999/run", headers=keyed("b")), 404)
    other = BODY | {"name": "m"}
    assert fresh.post("/checklists", other, headers=keyed("a")).status_code == 201


def test_accounts_have_keys_of_their_own(fresh: ApiClient) -> None:
    other = fresh.without_key().signed_up()
    first = fresh.post("/checklists", BODY, headers=keyed("a"))
    second = other.post("/checklists", BODY, headers=keyed("a"))
    assert "Idempotent-Replay" not in second.headers
    assert first.json["id"] != second.json["id"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "x" * 10_240, "clé", "a\tb", "\x7f", "日"])
def test_a_key_that_cannot_be_kept_is_refused_and_nothing_is_created(fresh: ApiClient, key: str) -> None:
    refused = problem(fresh.client.post("/checklists", json=BODY, headers=raw_headers(fresh, key)), 422)
    assert "1 to 255 printable ASCII" in refused["errors"][0]["detail"]
    assert pages(fresh, "/checklists", 10) == []


def raw_headers(api: ApiClient, key: str) -> list[tuple[str, str]]:
    """Bytes outside Latin-1 arrive as a server passes them on: each byte one character."""
    return [("Authorization", f"Bearer {api.key}"), ("Idempotency-Key", key.encode().decode("latin-1"))]


@pytest.mark.parametrize("key", ["x" * 255, "a b ~!", '"', "'\"'"])
def test_a_key_of_up_to_255_printable_characters_is_fine(fresh: ApiClient, key: str) -> None:
    assert fresh.post("/checklists", BODY, headers=keyed(key)).status_code == 201
    assert fresh.post("/checklists", BODY, headers=keyed(key)).headers["Idempotent-Replay"] == "true"


def test_two_requests_with_one_key_at_the_same_time_create_once(fresh: ApiClient, database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        with database.transaction() as holder:
            holder.cursor.execute("LOCK TABLE checklists IN SHARE MODE")  # holds up the first one's INSERT
            posting = [
                pool.submit(fresh.for_another_thread().post, "/checklists", BODY, headers=keyed("a")) for _ in range(2)
            ]
            wait_until_blocked(database, 2)
        answers = [future.result(10) for future in posting]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert sorted(answer.headers.get("Idempotent-Replay", "") for answer in answers) == ["", "true"]
    assert len(pages(fresh, "/checklists", 10)) == 1


def test_a_replayed_run_can_be_waited_for(fresh: ApiClient) -> None:
    id = fresh.make_checklist()["id"]
    headers = keyed("a") | {"Prefer": "wait=0"}
    first, again = (fresh.post(f"/checklists/{id}/run", headers=headers) for _ in range(2))
    assert first.json == again.json
    assert again.headers["Preference-Applied"] == "wait=0"
    assert again.headers["Idempotent-Replay"] == "true"
