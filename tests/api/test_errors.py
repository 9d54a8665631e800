"""Problems: RFC 9457 for everything that can go wrong, with the headers that belong to it, and never a 500."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

from shared.database import Database
from shared.errors import CommitUnknown, DatabaseBusy, DatabaseUnavailable
from tests.api_client import ApiClient, pages, problem

BODY = {"name": "n", "worker_url": "http://127.0.0.1:9/"}


def post_raw(api: ApiClient, data: bytes, **options: Any) -> Any:
    return api.call("POST", "/checklists", data=data, **({"content_type": "application/json"} | options))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/nothing", "/checklists/0", "/checklists/x", "/runs/1", "/docs/assets/nothing.js"])
def test_a_path_that_leads_nowhere_is_not_found(api: ApiClient, method: str, path: str) -> None:
    answer = api.call(method, path)
    if not (path.startswith("/docs/assets/") and method != "GET"):
        problem(answer, 404)


def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(api: ApiClient) -> None:
    answer = api.call("PATCH", "/checklists")
    problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(",", " ").split())
    problem(api.call("NONSENSE", "/checklists"), 405)


@pytest.mark.parametrize(
    "content_type",
    [
        *(None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"),
        *("application/json; charset=latin-1", "application/jsonx"),
    ],
)
def test_a_body_of_another_type_is_refused(api: ApiClient, content_type: str | None) -> None:
    problem(post_raw(api, b'{"name": "n"}', content_type=content_type), 415)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.me+json"]
)
def test_json_by_another_name_is_json(fresh: ApiClient, content_type: str) -> None:
    answer = post_raw(fresh, b'{"name": "n", "worker_url": "http://127.0.0.1:9/"}', content_type=content_type)
    assert answer.status_code == 201


def test_an_encoded_body_is_refused(api: ApiClient) -> None:
    problem(post_raw(api, b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), 415)


def test_a_body_over_the_limit_is_refused_by_its_announced_length(api: ApiClient) -> None:
    problem(post_raw(api, b'"' + b"x" * 1_048_576 + b'"'), 413)


@pytest.mark.parametrize("size", [1_048_577, 3_000_000])
def test_a_chunked_body_over_the_limit_is_refused_and_not_cut(api: ApiClient, size: int) -> None:
    answer = api.call(
        "POST",
        "/checklists",
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        input_stream=BytesIO(b" " * size),
        environ_overrides={"wsgi.input_terminated": True},
    )
    problem(answer, 413)


def test_a_chunked_body_within_the_limit_is_read_whole(fresh: ApiClient) -> None:
    text = b'{"name": "n", "worker_url": "http://127.0.0.1:9/"}'
    answer = fresh.call(
        "POST",
        "/checklists",
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        input_stream=BytesIO(text + b" " * (1_048_576 - len(text))),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 201


def test_a_body_that_ends_before_its_length_is_refused(api: ApiClient) -> None:
    problem(post_raw(api, b'{"name": "n"}', environ_overrides={"CONTENT_LENGTH": "100"}), 400)


@pytest.mark.parametrize("size", [1024, 1025])
def test_the_limit_is_a_setting(app_with: Callable[..., ApiClient], size: int) -> None:
    api = app_with(max_body_bytes=1024).signed_up()
    answer = post_raw(api, b'"' + b"x" * (size - 2) + b'"')
    problem(answer, 422 if size == 1024 else 413)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_without_the_database_everything_is_unavailable_for_a_while(
    app_with: Callable[..., ApiClient], api: ApiClient, method: str
) -> None:
    away = ApiClient(app_with(database_url="postgresql:///none?host=/nonexistent").client, api.key)
    answer = away.call(method, "/api-keys", **({"json": {}} if method == "POST" else {}))
    problem(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.fixture
def refusing(fresh: ApiClient, database: Database) -> Iterator[ApiClient]:
    """The database refuses every new checklist, as a full disk would."""
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'secret detail' USING ERRCODE = 'disk_full'; END $$;"
            " CREATE TRIGGER refuse BEFORE INSERT ON checklists EXECUTE FUNCTION refuse()"
        )
    yield fresh
    with database.transaction() as transaction:
        transaction.cursor.execute("DROP TRIGGER refuse ON checklists; DROP FUNCTION refuse")


def test_a_database_that_cannot_write_is_unavailable_and_nothing_of_it_is_told(refusing: ApiClient) -> None:
    answer = refusing.post("/checklists", BODY)
    problem(answer, 503)
    assert "secret detail" not in answer.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DatabaseUnavailable("away"), "out of reach; nothing was changed"),
        (DatabaseBusy("deadlock detected"), "busy, and gave this up; nothing was changed"),
        (CommitUnknown("away"), "may or may not have happened; repeat the request, with the same Idempotency-Key"),
    ],
)
def test_what_became_of_a_request_is_told_as_far_as_it_is_known(
    fresh: ApiClient, monkeypatch: pytest.MonkeyPatch, error: DatabaseUnavailable, said: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("shared.store.checklists.page", fail)
    answer = fresh.get("/checklists")
    assert said in problem(answer, 503)["detail"]
    assert int(answer.headers["Retry-After"]) >= 1


def test_connections_that_the_server_ended_are_replaced_unnoticed(fresh: ApiClient, database: Database) -> None:
    fresh.make_checklist()
    with database.reading() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'roundsman api'"
        )
    assert len(pages(fresh, "/checklists", 10)) == 1


def test_an_accident_tells_nothing_of_its_inside(fresh: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("shared.store.checklists.page", break_down)
    answer = fresh.get("/checklists")
    problem(answer, 500)
    assert "secret detail" not in answer.text
    assert answer.headers["X-Request-Id"]
