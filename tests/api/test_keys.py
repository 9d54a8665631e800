"""API keys: how accounts are opened, who may add and revoke keys, and what is told of them."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.database import Database
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.rows import row_counts


def keyed(api: ApiClient, key: str) -> ApiClient:
    return ApiClient(api.client, key)


def test_signing_up_opens_an_account_and_shows_its_key_once(api: ApiClient) -> None:
    answer = api.without_key().post("/api-keys", {"name": "laptop"})
    assert answer.status_code == 201
    assert set(answer.json) == {"id", "name", "api_key", "created_at"}
    assert answer.json["name"] == "laptop"
    [listed] = pages(keyed(api, answer.json["api_key"]), "/api-keys", 10)
    assert set(listed) == {"id", "name", "prefix", "created_at", "last_used_at"}
    assert answer.json["api_key"].startswith(listed["prefix"] + "_")
    assert listed["last_used_at"].endswith("Z")


def test_the_name_of_a_key_may_be_left_out_and_so_may_the_body(api: ApiClient) -> None:
    assert api.without_key().post("/api-keys", {}).json["name"] == "default"
    assert api.without_key().post("/api-keys").json["name"] == "default"


def test_the_secret_is_in_no_row_of_the_database(api: ApiClient, database: Database) -> None:
    secret = api.make("/api-keys", {})["api_key"].rsplit("_", 1)[1]
    with database.reading() as cursor:
        cursor.execute(
            "SELECT api_keys::text FROM api_keys UNION ALL SELECT idempotency_keys::text FROM idempotency_keys"
        )
        assert not any(secret in row for (row,) in cursor.fetchall())


def test_where_sign_up_is_closed_nobody_opens_an_account(app_with: Callable[..., ApiClient]) -> None:
    closed = app_with(signup="closed")
    assert "sign-up is closed" in problem(closed.post("/api-keys", {}), 401)["detail"]
    problem(closed.post("/api-keys", {}, headers={"Authorization": "Bearer "}), 401)


def test_the_operators_token_opens_accounts_where_sign_up_is_closed(app_with: Callable[..., ApiClient]) -> None:
    closed = app_with(signup="closed", admin_token="open sesame")
    for authorization in ("Bearer open sesame", "Basic " + base64.b64encode(b"open sesame:").decode()):
        answer = closed.post("/api-keys", {}, headers={"Authorization": authorization})
        assert answer.status_code == 201
        assert len(pages(keyed(closed, answer.json["api_key"]), "/api-keys", 10)) == 1
    problem(closed.post("/api-keys", {}, headers={"Authorization": "Bearer open sesam"}), 401)


def test_the_operators_token_is_no_key(app_with: Callable[..., ApiClient]) -> None:
    closed = app_with(signup="closed", admin_token="open sesame")
    problem(closed.get("/api-keys", headers={"Authorization": "Bearer open sesame"}), 401)


def test_no_token_is_not_the_same_as_an_empty_token(app_with: Callable[..., ApiClient]) -> None:
    closed = app_with(signup="closed", admin_token="")
    for authorization in ("Bearer ", "Basic Og==", "Bearer"):
        problem(closed.post("/api-keys", {}, headers={"Authorization": authorization}), 401)


def test_a_key_adds_keys_to_its_own_account(fresh: ApiClient) -> None:
    added = fresh.make("/api-keys", {"name": "second"})
    assert [key["name"] for key in pages(fresh, "/api-keys", 10)] == ["test", "second"]
    fresh.make_checklist("mine")
    assert [item["name"] for item in pages(keyed(fresh, added["api_key"]), "/checklists", 10)] == ["mine"]


@pytest.mark.parametrize(
    "authorization",
    ["Bearer rk_no_such", "Bearer nonsense", "Bearer ", "Basic !!!", "Basic", "Digest x", "nonsense", "Basic Og=="],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_presented_and_is_no_key_is_refused_also_when_signing_up(
    api: ApiClient, method: str, authorization: str
) -> None:
    answer = api.without_key().call(method, "/api-keys", headers={"Authorization": authorization})
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_without_a_key_the_answer_tells_how_to_present_one(api: ApiClient) -> None:
    answer = api.without_key().get("/checklists")
    assert "Authorization: Bearer" in problem(answer, 401)["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="roundsman", Basic realm="roundsman"'


def test_a_key_is_taken_as_the_basic_user_name_too(fresh: ApiClient) -> None:
    basic = "Basic " + base64.b64encode(f"{fresh.key}:".encode()).decode()
    assert fresh.without_key().get("/api-keys", headers={"Authorization": basic}).status_code == 200


def test_nothing_under_a_key_and_no_key_itself_may_be_stored_by_a_cache(api: ApiClient) -> None:
    for answer in (
        api.get("/checklists"),
        api.get("/checklists/999999"),
        api.without_key().get("/checklists"),
        api.without_key().post("/api-keys", {}),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_repeated_request_gets_the_same_secret_again_and_makes_no_second_key(
    fresh: ApiClient, database: Database
) -> None:
    headers = {"Idempotency-Key": "one"}
    first = fresh.post("/api-keys", {"name": "second"}, headers=headers)
    again = fresh.post("/api-keys", {"name": "second"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert set(first.json) == {"id", "name", "api_key", "created_at"}
    assert (first.headers.get("Idempotent-Replay"), again.headers.get("Idempotent-Replay")) == (None, "true")
    assert len(pages(keyed(fresh, first.json["api_key"]), "/api-keys", 10)) == 2
    secret = first.json["api_key"].rsplit("_", 1)[1]
    with database.reading() as cursor:
        cursor.execute("SELECT idempotency_keys::text FROM idempotency_keys")
        kept = [row for (row,) in cursor.fetchall()]
    assert kept
    assert not any(secret in row for row in kept)


def test_another_key_of_the_account_is_not_told_a_secret_that_would_not_work(fresh: ApiClient) -> None:
    other = keyed(fresh, fresh.make("/api-keys", {})["api_key"])
    headers = {"Idempotency-Key": "one"}
    fresh.post("/api-keys", {}, headers=headers)
    assert "another key" in problem(other.post("/api-keys", {}, headers=headers), 422)["detail"]


def test_keys_made_with_different_idempotency_keys_are_different(fresh: ApiClient) -> None:
    made = {fresh.post("/api-keys", {}, headers={"Idempotency-Key": key}).json["api_key"] for key in "ab"}
    assert len(made) == 2


def test_a_revoked_key_opens_nothing_any_more(fresh: ApiClient) -> None:
    added = fresh.make("/api-keys", {})
    assert fresh.delete(f"/api-keys/{added['id']}").status_code == 204
    problem(keyed(fresh, added["api_key"]).get("/api-keys"), 401)
    problem(fresh.delete(f"/api-keys/{added['id']}"), 404)
    assert len(pages(fresh, "/api-keys", 10)) == 1


def test_a_key_revokes_itself(fresh: ApiClient) -> None:
    other = keyed(fresh, fresh.make("/api-keys", {})["api_key"])
    answer = fresh.delete("/api-keys")
    assert (answer.status_code, answer.json) == (200, {"deleted": True})
    problem(fresh.get("/api-keys"), 401)
    assert len(pages(other, "/api-keys", 10)) == 1


@pytest.mark.parametrize("path", ["/api-keys", "/api-keys/{id}"])
def test_with_the_last_key_goes_all_data_of_the_account(api: ApiClient, database: Database, path: str) -> None:
    with database.reading() as cursor:
        before = row_counts(cursor)
    last = api.without_key().signed_up()
    checklist = last.make_checklist()
    last.start_run(checklist["id"])
    last.make(
        f"/checklists/{checklist['id']}/snapshots", {"flows": [{"name": "f", "snapshots": [{"name": "n", "value": 1}]}]}
    )
    [key] = pages(last, "/api-keys", 10)
    assert last.delete(path.format(id=key["id"])).status_code in (200, 204)
    with database.reading() as cursor:
        assert row_counts(cursor) == before


def test_what_is_created_while_the_account_is_closed_is_refused_as_without_a_key(
    fresh: ApiClient, database: Database
) -> None:
    [key] = pages(fresh, "/api-keys", 10)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as closing:
            closing.cursor.execute(
                "DELETE FROM accounts WHERE id = (SELECT account_id FROM api_keys WHERE id = %s)", (key["id"],)
            )
            creating = pool.submit(
                fresh.for_another_thread().post, "/checklists", {"name": "n", "worker_url": "http://127.0.0.1:9/"}
            )
            wait_until_blocked(database)
        problem(creating.result(10), 401)


def test_keys_are_listed_page_by_page_by_id(fresh: ApiClient) -> None:
    for number in range(4):
        fresh.make("/api-keys", {"name": str(number)})
    assert [key["name"] for key in pages(fresh, "/api-keys", 2)] == ["test", "0", "1", "2", "3"]
