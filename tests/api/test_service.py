"""The service's word about itself: alive, ready, counted, documented."""

import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.database import Database
from shared.store import processes
from tests.api_client import ApiClient, pages, problem
from tests.rows import row_counts


@pytest.fixture
def open_api(api: ApiClient) -> ApiClient:
    return api.without_key()


@pytest.fixture(autouse=True)
def _nobody_is_at_work(database: Database) -> Iterator[None]:
    yield
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM processes")


def somebody(database: Database, kind: str, **counters: int) -> None:
    with database.transaction() as transaction:
        processes.beat(transaction.cursor, id=uuid4(), kind=kind, host="here", pid=1, counters=counters)


def test_the_root_and_health_say_that_the_process_lives(open_api: ApiClient) -> None:
    for path in ("/", "/health"):
        answer = open_api.get(path)
        assert (answer.status_code, answer.json["status"]) == (200, "ok")


def test_it_lives_also_when_nothing_else_does(app_with: Callable[..., ApiClient]) -> None:
    alone = app_with(database_url="postgresql:///none?host=/nonexistent", redis_url="unix:///nonexistent")
    for path in ("/", "/health", "/openapi.json", "/docs"):
        assert alone.get(path).status_code == 200
    answer = alone.get("/ready")
    assert answer.status_code == 503
    assert answer.json == {
        "status": "unavailable",
        "postgres": "unavailable",
        "redis": "unavailable",
        "schedulers": 0,
        "workers": 0,
    }
    families = {family.name: family for family in text_string_to_metric_families(alone.get("/metrics").text)}
    assert {sample.labels["part"]: sample.value for sample in families["roundsman_up"].samples} == {
        "postgres": 0.0,
        "redis": 0.0,
    }


def test_it_is_ready_when_scheduler_and_worker_are_at_work(open_api: ApiClient, database: Database) -> None:
    assert open_api.get("/ready").status_code == 503
    somebody(database, "scheduler")
    assert open_api.get("/ready").status_code == 503
    somebody(database, "worker")
    answer = open_api.get("/ready")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert (answer.json["schedulers"], answer.json["workers"]) == (1, 1)


def test_a_process_that_has_not_been_seen_for_long_is_not_at_work(open_api: ApiClient, database: Database) -> None:
    somebody(database, "scheduler")
    somebody(database, "worker")
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE processes SET seen_at = now() - interval '1 minute' WHERE kind = 'worker'")
    assert open_api.get("/ready").json["workers"] == 0


def metrics(api: ApiClient) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All samples by name; raises if the text is not Prometheus' format."""
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def test_metrics_count_requests_work_and_processes(api: ApiClient, database: Database) -> None:
    somebody(database, "worker", finished=7)
    api.start_run(api.make_checklist()["id"])
    found = metrics(api)
    created = {"method": "POST", "endpoint": "checklists.create_checklist", "status": "201"}
    assert dict_of(found["roundsman_http_requests_total"], created) >= 1
    assert dict_of(found["roundsman_work"], {"kind": "run", "state": "pending"}) >= 1
    assert dict_of(found["roundsman_processes"], {"kind": "worker"}) == 1
    assert dict_of(found["roundsman_process_count"], {"kind": "worker", "process": "here:1", "name": "finished"}) == 7
    assert dict_of(found["roundsman_up"], {"part": "postgres"}) == 1
    assert found["roundsman_rings_waiting"][0][1] >= 0


def dict_of(samples: list[tuple[dict[str, str], float]], labels: dict[str, str]) -> float:
    return next(value for found, value in samples if found == labels)


def test_what_a_client_makes_up_does_not_become_a_label(api: ApiClient) -> None:
    for number in range(5):
        api.call(f"MADEUP{number}", "/checklists")
        api.get(f"/made/up/{number}")
    labels = [labels for samples in metrics(api).values() for labels, _ in samples]
    assert not any("MADEUP" in value or "made" in value for label in labels for value in label.values())
    assert {"method": "other", "endpoint": "none", "status": "405"} in labels


def test_the_documentation_loads_nothing_from_elsewhere(open_api: ApiClient) -> None:
    page = open_api.get("/docs")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/")
        assert not asset.startswith("//")
        answer = open_api.get(asset)
        assert answer.status_code == 200, asset
        assert len(answer.data) > 100
        assert "max-age" in answer.headers["Cache-Control"]
        answer.close()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("http-equiv", "")


@pytest.mark.parametrize("name", ["..%2f__init__.py", "index.html", "%2e%2e", "docs.css"])
def test_only_what_the_documentation_needs_is_served(open_api: ApiClient, name: str) -> None:
    problem(open_api.get(f"/docs/assets/{name}"), 404)


def test_head_answers_as_get_does_without_a_body_and_changes_nothing(api: ApiClient, database: Database) -> None:
    checklist = api.make_checklist()
    run = api.start_run(checklist["id"])
    schedule = api.make("/schedules", {"cron": "@daily", "checklist_id": checklist["id"]})
    with database.reading() as cursor:
        before = row_counts(cursor)
    rules = {rule.rule for rule in api.client.application.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for rule in sorted(rules - {"/static/<path:filename>"}):
        path = (
            rule.replace("<id:checklist_id>", str(checklist["id"]))
            .replace("<uuid:run_id>", run["id"])
            .replace("<id:schedule_id>", str(schedule["id"]))
            .replace("<name>", "docs.js")
        )
        answers = [api.call(method, path) for method in ("GET", "HEAD")]
        assert answers[0].status_code == answers[1].status_code, path
        assert answers[0].content_type == answers[1].content_type, path
        assert answers[1].data == b"", path
        for answer in answers:
            answer.close()
    with database.reading() as cursor:
        assert row_counts(cursor) == before
    assert pages(api, "/runs", 10, state="pending")


def test_no_answer_is_taken_for_another_type_by_a_browser(open_api: ApiClient) -> None:
    for path in ("/", "/docs", "/nothing", "/docs/assets/docs.js"):
        with open_api.get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
