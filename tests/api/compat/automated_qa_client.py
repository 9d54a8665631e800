"""What the tests of automated-qa's routes share: a client below its path, its objects, and its errors."""

from typing import Any

import pytest

from api import create_app
from shared.settings import Settings
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient

PREFIX = "/compat/automated-qa"
UNAUTHORIZED = {
    "code": 4000,
    "message": "Missing or invalid API key.",
    "cause": "The API key is either missing, is no longer active, or malformed.",
}
BAD_REQUEST = {
    "code": 4001,
    "message": "Missing or invalid request payload.",
    "cause": "The request's payload is either missing or malformed.",
}
NOT_FOUND = {
    "code": 4002,
    "message": "Requested resource not found",
    "cause": "The request's URI points to a resource which does not exist.",
}
DELETED = {"message": "Successfully deleted."}
WORKER = "http://127.0.0.1:9/worker"
ELSEWHERE = "http://127.0.0.1:9/elsewhere"
START, END = "SCHEDULED_CHECKLIST_START", "SCHEDULED_CHECKLIST_END"
FLOWS = [{"name": "API 1", "snapshots": [{"name": "Assertion 2", "value": "###"}]}]
ROUTES = sorted(
    (method, rule.rule.removeprefix(PREFIX))
    for rule in create_app(Settings()).url_map.iter_rules()
    if rule.rule.startswith(f"{PREFIX}/")
    for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
)
DOCUMENTED = {
    *(("POST", "/api-keys"), ("DELETE", "/api-keys")),
    *(("GET", "/checklists"), ("POST", "/checklists")),
    *(("PUT", "/checklists/<id>"), ("DELETE", "/checklists/<id>")),
    *(("POST", "/checklists/<id>/run"), ("POST", "/checklists/<id>/snapshots")),
    *(("GET", "/schedules"), ("POST", "/schedules"), ("PUT", "/schedules/<id>"), ("DELETE", "/schedules/<id>")),
    *(("GET", "/webhooks"), ("POST", "/webhooks"), ("PUT", "/webhooks/<id>"), ("DELETE", "/webhooks/<id>")),
}


@pytest.fixture(params=["", "/v1"])
def client(fresh: ApiClient, request: pytest.FixtureRequest) -> SystemClient:
    return SystemClient(fresh, PREFIX + request.param)


@pytest.fixture
def plain(fresh: ApiClient) -> SystemClient:
    return SystemClient(fresh, PREFIX)


def made(client: SystemClient, path: str, **body: Any) -> Any:
    """The object that a POST creates."""
    answer = client.call("POST", path, body)
    assert answer.status_code == 201, answer.text
    assert answer.content_type == "application/json"
    [(_, made)] = answer.json["data"].items()
    return made


def refused(answer: Any, status: int, error: Any) -> None:
    assert (answer.status_code, answer.json) == (status, {"error": error}), answer.text[:500]
    assert answer.content_type == "application/json"


def one_of_each(client: SystemClient) -> dict[str, Any]:
    checklist = made(client, "/checklists", workerUrl=WORKER)
    schedule = made(client, "/schedules", checklistId=checklist["id"], cron="0 0 3 * * *")
    webhook = made(client, "/webhooks", eventType=END, url=WORKER)
    return {"checklists": checklist, "schedules": schedule, "webhooks": webhook}


def everything_of(client: SystemClient) -> list[Any]:
    """All that the client sees, and all that its owner sees in our own interface."""
    seen = [client.get(f"/{name}") for name in ("checklists", "schedules", "webhooks")]
    seen += [client.api.get(path).json["data"] for path in ("/checklists", "/schedules", "/webhooks", "/runs")]
    return seen
