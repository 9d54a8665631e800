"""The OpenAPI document: complete, consistent in itself, and true to what the API really takes and answers."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api import create_app
from shared.database import Database
from shared.settings import Settings
from tests.api_client import ApiClient
from tests.deliveries import end_delivery
from tests.factories import an_occurrence
from tests.jobs import end_job
from tests.runs import end_run

METHODS = {"get", "put", "post", "delete", "patch"}
NOT_DOCUMENTED = {"/openapi.json", "/docs/assets/<name>"}

# Making the application opens no connection.
APP = create_app(Settings())
DOCUMENT: dict[str, Any] = APP.test_client().get("/openapi.json").json or {}
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
]
every_operation = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)


def nodes(value: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the document, with where it is."""
    if isinstance(value, dict):
        yield place, value
        for name, member in value.items():
            yield from nodes(member, f"{place}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nodes(item, f"{place}/{index}")


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of this schema of the document, whose references are resolved in the document."""
    registry = Registry().with_resource("urn:openapi", DRAFT202012.create_resource(DOCUMENT))
    absolute = json.loads(json.dumps(schema).replace('"$ref": "#', '"$ref": "urn:openapi#'))
    return Draft202012Validator(absolute, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_document_is_openapi_3_1_and_says_what_it_is_about() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["title"] == "Roundsman"
    assert DOCUMENT["info"]["version"]
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"
    assert set(DOCUMENT) <= {"openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs"}


def test_every_route_is_documented_and_nothing_else_is() -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in APP.url_map.iter_rules()
        if rule.rule not in NOT_DOCUMENTED
        and not rule.rule.startswith("/ui")  # pages, which are for people
        and not rule.rule.startswith("/compat/")  # other systems': their documents are their own
        and not rule.websocket
        for method in rule.methods or ()
    }
    documented = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS}
    assert documented == {route for route in routes if route[1] in METHODS}


def test_every_reference_leads_somewhere_and_every_schema_is_referred_to() -> None:
    references = {node["$ref"] for _, node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    assert references
    for reference in references:
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            assert step in target, reference
            target = target[step]
    unused = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} - references
    assert unused == set()


def test_every_schema_is_a_json_schema() -> None:
    metaschema = validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema"})
    for schema in DOCUMENT["components"]["schemas"].values():
        metaschema.check_schema(schema)
    for place, node in nodes(DOCUMENT["paths"]):
        if place.endswith("/schema"):
            metaschema.check_schema(node)


def test_objects_are_closed() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["additionalProperties"] is False, name
        assert set(schema.get("required", ())) <= set(schema["properties"]), name


@every_operation
def test_an_operation_has_a_summary_and_a_tag_that_is_explained(path: str, method: str, operation: Any) -> None:
    assert 5 <= len(operation["summary"]) <= 120
    assert not operation["summary"].endswith(".")
    explained = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert operation["tags"]
    assert all(explained[tag] for tag in operation["tags"])


@every_operation
def test_the_parameters_of_a_path_are_documented(path: str, method: str, operation: Any) -> None:
    parameters = DOCUMENT["paths"][path].get("parameters", []) + operation.get("parameters", [])
    in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", path))
    assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")
    names = [(parameter["in"], parameter["name"]) for parameter in parameters]
    assert len(names) == len(set(names))
    for parameter in parameters:
        assert "null" not in parameter["schema"].get("type", ()), parameter["name"]  # a URL cannot say null


def is_public(operation: Any) -> bool:
    return {} in operation.get("security", [None]) or operation.get("security") == []


@every_operation
def test_an_operation_that_needs_a_key_says_so_and_what_comes_without(path: str, method: str, operation: Any) -> None:
    view = APP.view_functions[endpoint(path, method)]
    assert is_public(operation) == getattr(view, "is_public", False)
    assert DOCUMENT["security"] == [{"bearer": []}, {"basic": []}]
    assert ("401" in operation["responses"]) == (operation.get("security") != [])


def endpoint(path: str, method: str) -> str:
    adapter = APP.url_map.bind("")
    concrete = re.sub(r"{(?:run|job|task|delivery|event)_id}", "00000000-0000-0000-0000-000000000000", path)
    return str(adapter.match(re.sub(r"{\w+}", "1", concrete), method.upper())[0])


@every_operation
def test_problems_are_documented_as_problems(path: str, method: str, operation: Any) -> None:
    assert any(status.startswith("2") for status in operation["responses"])
    for status, response in operation["responses"].items():
        assert response["description"]
        if status[0] in "45" and path != "/ready":
            assert response["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    if "{" in path:
        # What is pushed into a queue, or asked of it, makes the queue.
        makes_its_queue = "{queue_name}" in path and (method, path) != ("get", "/queues/{queue_name}")
        assert ("404" in operation["responses"]) is not makes_its_queue
    if "requestBody" in operation:
        assert {"400", "422"} <= set(operation["responses"])
    if operation.get("security") != []:
        assert "503" in operation["responses"]


@every_operation
def test_the_example_of_a_body_is_valid_by_its_own_schema(path: str, method: str, operation: Any) -> None:
    if "requestBody" not in operation:
        return
    [(content_type, content)] = operation["requestBody"]["content"].items()
    assert content_type == "application/json"
    if validator(content["schema"]).is_valid({}) and "example" not in content:
        assert path.endswith(("/cancel", "/login-links"))  # a body that has no members needs no example
        return
    assert list(validator(content["schema"]).iter_errors(content["example"])) == []


@every_operation
def test_creating_operations_document_their_idempotency_key(path: str, method: str, operation: Any) -> None:
    headers = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
    creates = method == "post" and {"201", "202"} & set(operation["responses"])
    repeatable = path.endswith(("/retry", "/pop", "/rotate-secret")) or path.startswith("/api/pushTask/")
    assert ("Idempotency-Key" in headers) == bool(creates or repeatable)


def test_what_the_api_really_answers_is_what_is_documented(api: ApiClient, database: Database) -> None:
    api = api.without_key().signed_up()
    checklist = api.make_checklist(rules=[{"path": "/a", "match": "approx", "value": 1}])
    with_flows = api.make_checklist(flows=[{"name": "f", "steps": [{"check": "c"}]}])
    id, name = checklist["id"], checklist["name"]
    for observed in ({"f": {"a": 1, "b": None}}, {"f": {"a": 2, "c": []}, "g": {"x": {"y": 1}}}):
        run = api.start_run(id)["id"]
        end_run(database, run, observed)
    key = api.make("/api-keys", {})
    pending = api.start_run(id)["id"]
    daily = {"cron": "@daily", "checklist_id": id}
    schedule = api.make("/schedules", daily | {"name": "daily"})["id"]
    finished = api.make(
        "/schedules", {"run_at": "2050-01-01T00:00:00Z", "ends_at": "2049-01-01T00:00:00Z"} | {"checklist_id": id}
    )["id"]
    with database.reading() as cursor:
        an_occurrence(cursor, schedule)
    hook = {"url": "http://127.0.0.1:9/", "event_types": ["*"]}
    webhook, short_lived = (api.make("/webhooks", hook | {"description": "d"})["id"] for _ in range(2))
    delivery, orphan = (api.make(f"/webhooks/{made}/test", {}) for made in (webhook, short_lived))
    end_delivery(database, delivery["id"], "failed", error="e", status_code=500, elapsed_ms=1, response_excerpt="x")
    failed = api.make_job(payload=None, max_attempts=1)["id"]
    end_job(database, failed, "failed", status_code=404, error="404 Not Found", elapsed_ms=1, response_excerpt="no")
    later = api.make_job(delay_seconds=3_600, backoff_seconds=0.5)["id"]
    calling = api.make("/schedules", {"cron": "@daily", "uri": "http://127.0.0.1:9/", "payload": {"a": 1}})["id"]
    api.make("/queues/leased/tasks", {"tasks": [{"payload": None, "timeout_seconds": 600}] * 3})
    task, done, unwanted = api.pop_tasks("leased", max=3, worker="w")
    leased, stale = {"lease_token": task["lease_token"]}, {"lease_token": done["lease_token"]}
    given_back = {"lease_token": unwanted["lease_token"]}
    no_more = leased | {"retry": False}
    body = {"name": name, "worker_url": "http://127.0.0.1:9/"}
    values = {"flows": [{"name": "f", "snapshots": [{"name": "a", "value": None}]}]}
    answered = set()
    for method, template, path, options in (
        ("get", "/", "/", {}),
        ("get", "/health", "/health", {}),
        ("get", "/ready", "/ready", {}),
        ("post", "/api-keys", "/api-keys", {"json": {}}),
        ("post", "/api-keys", "/api-keys", {"json": {"name": 1}}),
        ("post", "/login-links", "/login-links", {}),
        ("post", "/login-links", "/login-links", {"json": {"a": 1}}),
        ("get", "/api-keys", "/api-keys", {}),
        ("get", "/api-keys", "/api-keys?limit=0", {}),
        ("delete", "/api-keys/{key_id}", f"/api-keys/{key['id']}", {}),
        ("delete", "/api-keys/{key_id}", f"/api-keys/{key['id']}", {}),
        ("post", "/checklists", "/checklists", {"json": body | {"name": "another"}}),
        ("post", "/checklists", "/checklists", {"json": body}),
        ("post", "/checklists", "/checklists", {"data": b"{", "content_type": "application/json"}),
        ("post", "/checklists", "/checklists", {"data": b"{}", "content_type": "text/plain"}),
        ("post", "/checklists", "/checklists", {"data": b" " * 1_048_577, "content_type": "application/json"}),
        ("get", "/checklists", "/checklists", {}),
        ("get", "/checklists", "/checklists?limit=1", {}),
        ("get", "/checklists/{checklist_id}", f"/checklists/{id}", {}),
        ("get", "/checklists/{checklist_id}", f"/checklists/{with_flows['id']}", {}),
        ("get", "/checklists/{checklist_id}", "/checklists/999999", {}),
        ("put", "/checklists/{checklist_id}", f"/checklists/{id}", {"json": body}),
        ("post", "/checklists/{checklist_id}/run", f"/checklists/{id}/run", {}),
        ("get", "/runs", "/runs", {}),
        ("get", "/runs/{run_id}", f"/runs/{run}", {}),
        ("get", "/runs/{run_id}", f"/runs/{pending}", {}),
        ("post", "/runs/{run_id}/cancel", f"/runs/{run}/cancel", {}),
        ("post", "/runs/{run_id}/cancel", f"/runs/{pending}/cancel", {}),
        ("post", "/runs/{run_id}/accept", f"/runs/{run}/accept", {}),
        ("get", "/checklists/{checklist_id}/snapshots", f"/checklists/{id}/snapshots", {}),
        (
            "get",
            "/checklists/{checklist_id}/snapshots/history",
            f"/checklists/{id}/snapshots/history?flow=f&name=a",
            {},
        ),
        ("post", "/checklists/{checklist_id}/snapshots", f"/checklists/{id}/snapshots", {"json": values}),
        ("delete", "/checklists/{checklist_id}/snapshots", f"/checklists/{id}/snapshots", {}),
        ("post", "/schedules", "/schedules", {"json": daily}),
        ("post", "/schedules", "/schedules", {"json": daily | {"name": "daily"}}),
        ("post", "/schedules", "/schedules", {"json": daily | {"checklist_id": 999999}}),
        ("post", "/schedules", "/schedules", {"json": daily | {"uri": "http://127.0.0.1:9/"}}),
        ("post", "/schedules/{schedule_id}/trigger", f"/schedules/{schedule}/trigger", {}),
        ("get", "/schedules", "/schedules", {}),
        ("get", "/schedules", "/schedules?limit=1&state=active", {}),
        ("get", "/schedules/{schedule_id}", f"/schedules/{schedule}", {}),
        ("get", "/schedules/{schedule_id}", f"/schedules/{finished}", {}),
        ("get", "/schedules/{schedule_id}/occurrences", f"/schedules/{schedule}/occurrences", {}),
        ("get", "/schedules/{schedule_id}/occurrences", "/schedules/999999/occurrences", {}),
        ("post", "/schedules/{schedule_id}/pause", f"/schedules/{schedule}/pause", {"json": {"note": "n"}}),
        ("post", "/schedules/{schedule_id}/pause", f"/schedules/{finished}/pause", {}),
        ("post", "/schedules/{schedule_id}/skip-next", f"/schedules/{schedule}/skip-next", {}),
        ("post", "/schedules/{schedule_id}/resume", f"/schedules/{schedule}/resume", {}),
        ("post", "/schedules/{schedule_id}/resume", f"/schedules/{finished}/resume", {}),
        ("post", "/schedules/{schedule_id}/skip-next", f"/schedules/{schedule}/skip-next", {}),
        ("post", "/schedules/preview", "/schedules/preview", {"json": daily | {"timezone": "Asia/Kolkata"}}),
        ("put", "/schedules/{schedule_id}", f"/schedules/{schedule}", {"json": daily}),
        ("delete", "/schedules/{schedule_id}", f"/schedules/{schedule}", {}),
        ("delete", "/schedules/{schedule_id}", f"/schedules/{schedule}", {}),
        ("post", "/webhooks", "/webhooks", {"json": hook}),
        ("post", "/webhooks", "/webhooks", {"json": hook | {"enabled": False}}),
        ("post", "/webhooks", "/webhooks", {"json": hook | {"url": "http://10.0.0.1/"}}),
        ("get", "/webhooks", "/webhooks", {}),
        ("get", "/webhooks", "/webhooks?limit=1&enabled=false", {}),
        ("get", "/webhooks/{webhook_id}", f"/webhooks/{webhook}", {}),
        ("get", "/webhooks/{webhook_id}", "/webhooks/999999", {}),
        ("post", "/webhooks/{webhook_id}/rotate-secret", f"/webhooks/{webhook}/rotate-secret", {}),
        ("post", "/webhooks/{webhook_id}/test", f"/webhooks/{webhook}/test", {}),
        ("get", "/webhooks/{webhook_id}/deliveries", f"/webhooks/{webhook}/deliveries", {}),
        ("put", "/webhooks/{webhook_id}", f"/webhooks/{webhook}", {"json": hook | {"enabled": False}}),
        ("delete", "/webhooks/{webhook_id}", f"/webhooks/{short_lived}", {}),
        ("delete", "/webhooks/{webhook_id}", f"/webhooks/{short_lived}", {}),
        ("get", "/deliveries", "/deliveries", {}),
        ("get", "/deliveries/{delivery_id}", f"/deliveries/{delivery['id']}", {}),
        ("get", "/deliveries/{delivery_id}", f"/deliveries/{orphan['id']}", {}),
        ("post", "/deliveries/{delivery_id}/replay", f"/deliveries/{delivery['id']}/replay", {}),
        ("post", "/deliveries/{delivery_id}/replay", f"/deliveries/{orphan['id']}/replay", {}),
        ("get", "/events", "/events", {}),
        ("get", "/events/{event_id}", f"/events/{delivery['event_id']}", {}),
        ("get", "/schedules/{schedule_id}", f"/schedules/{calling}", {}),
        ("post", "/schedules/{schedule_id}/trigger", f"/schedules/{calling}/trigger", {}),
        ("post", "/jobs", "/jobs", {"json": {"uri": "http://127.0.0.1:9/"}}),
        ("post", "/jobs", "/jobs", {"json": {"uri": "http://10.0.0.1/"}}),
        ("get", "/jobs", "/jobs", {}),
        ("get", "/jobs", "/jobs?limit=1&state=failed", {}),
        ("post", "/queues/{queue_name}/tasks", "/queues/q/tasks", {"json": {"payload": {"a": 1}, "dedup_key": "k"}}),
        ("post", "/queues/{queue_name}/tasks", "/queues/q/tasks", {"json": {"tasks": [{"payload": 1}] * 3}}),
        ("post", "/queues/{queue_name}/tasks", "/queues/q/tasks", {"json": {}}),
        ("put", "/queues/{queue_name}", "/queues/q", {"json": {"unattended_after_seconds": 5}}),
        ("put", "/queues/{queue_name}", "/queues/q", {"json": {}}),
        ("post", "/queues/{queue_name}/pop", "/queues/empty/pop", {}),
        ("post", "/queues/{queue_name}/pop", "/queues/e m/pop", {}),
        ("get", "/queues", "/queues", {}),
        ("get", "/queues", "/queues?limit=1", {}),
        ("get", "/queues/{queue_name}", "/queues/q", {}),
        ("get", "/queues/{queue_name}", "/queues/absent", {}),
        ("post", "/queues/{queue_name}/pop", "/queues/q/pop", {"json": {"worker": "w"}}),
        ("get", "/tasks", "/tasks", {}),
        ("get", "/tasks", "/tasks?limit=1&state=pending&queue=q", {}),
        ("post", "/tasks/{task_id}/extend", f"/tasks/{task['id']}/extend", {"json": leased | {"lease_seconds": 60}}),
        ("post", "/tasks/{task_id}/extend", f"/tasks/{task['id']}/extend", {"json": stale | {"lease_seconds": 60}}),
        ("post", "/tasks/{task_id}/log", f"/tasks/{task['id']}/log", {"json": leased | {"messages": ["a", ""]}}),
        ("post", "/tasks/{task_id}/log", f"/tasks/{task['id']}/log", {"json": leased}),
        ("post", "/tasks/{task_id}/fail", f"/tasks/{task['id']}/fail", {"json": stale | {"error": "e"}}),
        ("post", "/tasks/{task_id}/fail", f"/tasks/{task['id']}/fail", {"json": no_more | {"error": "e"}}),
        ("post", "/tasks/{task_id}/release", f"/tasks/{unwanted['id']}/release", {"json": given_back}),
        ("post", "/tasks/{task_id}/release", f"/tasks/{unwanted['id']}/release", {"json": given_back}),
        ("post", "/tasks/{task_id}/release", f"/tasks/{unwanted['id']}/release", {"json": {}}),
        ("get", "/tasks/{task_id}", f"/tasks/{unwanted['id']}", {}),
        ("get", "/tasks/{task_id}", f"/tasks/{task['id']}", {}),
        ("post", "/tasks/{task_id}/ack", f"/tasks/{task['id']}/ack", {"json": leased}),
        ("post", "/tasks/{task_id}/cancel", f"/tasks/{task['id']}/cancel", {}),
        ("post", "/tasks/{task_id}/retry", f"/tasks/{task['id']}/retry", {}),
        ("post", "/tasks/{task_id}/retry", f"/tasks/{task['id']}/retry", {}),
        ("post", "/tasks/{task_id}/cancel", f"/tasks/{task['id']}/cancel", {}),
        ("post", "/tasks/{task_id}/ack", f"/tasks/{done['id']}/ack", {"json": {"lease_token": done["lease_token"]}}),
        ("get", "/tasks/{task_id}", f"/tasks/{done['id']}", {}),
        ("post", "/tasks/ack", "/tasks/ack", {"json": {"acks": [leased | {"id": task["id"]}]}}),
        ("post", "/tasks/ack", "/tasks/ack", {"json": {"acks": []}}),
        ("post", "/queues/{queue_name}/retry-failed", "/queues/leased/retry-failed", {}),
        ("get", "/jobs/{job_id}", f"/jobs/{failed}", {}),
        ("get", "/jobs/{job_id}", f"/jobs/{later}", {}),
        ("post", "/jobs/{job_id}/cancel", f"/jobs/{failed}/cancel", {}),
        ("post", "/jobs/{job_id}/cancel", f"/jobs/{later}/cancel", {}),
        ("post", "/jobs/{job_id}/retry", f"/jobs/{later}/retry", {}),
        ("post", "/jobs/{job_id}/retry", f"/jobs/{failed}/retry", {}),
        ("delete", "/jobs/{job_id}", f"/jobs/{failed}", {}),
        ("delete", "/jobs/{job_id}", f"/jobs/{failed}", {}),
        ("put", "/api/pushTask/{queue_name}", "/api/pushTask/zone.check", {"json": {"domain": "kek"}}),
        ("put", "/api/pushTask/{queue_name}", "/api/pushTask/zone.check", {"json": [None]}),
        ("put", "/api/pushTask/{queue_name}", "/api/pushTask/zone%20check", {"json": {}}),
        ("get", "/api/popTask/{queue_name}", "/api/popTask/zone.check", {}),
        ("get", "/api/popTask/{queue_name}", "/api/popTask/zone.check?lease=60", {}),
        ("get", "/api/popTask/{queue_name}", "/api/popTask/zone.check?wait=0", {}),
        ("delete", "/checklists/{checklist_id}", f"/checklists/{id}", {}),
        ("delete", "/api-keys", "/api-keys", {}),
        ("delete", "/api-keys", "/api-keys", {}),
    ):
        answer = api.call(method.upper(), path, **options)
        responses = DOCUMENT["paths"][template][method]["responses"]
        assert str(answer.status_code) in responses, (method, path, answer.text[:300])
        documented = responses[str(answer.status_code)]
        answered.add((template, method))
        if "content" not in documented:
            assert answer.data == b""
            continue
        [(content_type, content)] = documented["content"].items()
        assert answer.content_type == content_type
        problems = [
            f"{error.json_path}: {error.message}" for error in validator(content["schema"]).iter_errors(answer.json)
        ]
        assert problems == [], (method, path)
    everything = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS}
    assert everything - answered == {("/metrics", "get"), ("/docs", "get")}
