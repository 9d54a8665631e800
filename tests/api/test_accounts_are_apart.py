"""No account sees or changes anything of another: every route of the URL map, tried with the wrong key."""

from typing import Any
from uuid import uuid4

import pytest

from shared.database import Database
from tests.api.routes import BODIES, INTERVAL, LISTS, ROUTES, WEBHOOK, Account, Route, an_account_with_everything
from tests.api_client import ApiClient, problem

# What another account's key gets: "object" is 404, "list" shows nothing of it, "own" touches the caller's account only.
EXPECTED: dict[Route, str] = {
    ("GET", "/"): "public",
    ("GET", "/health"): "public",
    ("GET", "/ready"): "public",
    ("GET", "/metrics"): "public",
    ("GET", "/docs"): "public",
    ("GET", "/docs/assets/<name>"): "public",
    ("GET", "/openapi.json"): "public",
    ("POST", "/api-keys"): "own",
    ("POST", "/login-links"): "own",
    ("GET", "/api-keys"): "list",
    ("DELETE", "/api-keys"): "own",
    ("DELETE", "/api-keys/<id:key_id>"): "object",
    ("POST", "/checklists"): "own",
    ("GET", "/checklists"): "list",
    ("GET", "/checklists/<id:checklist_id>"): "object",
    ("PUT", "/checklists/<id:checklist_id>"): "object",
    ("DELETE", "/checklists/<id:checklist_id>"): "object",
    ("POST", "/checklists/<id:checklist_id>/run"): "object",
    ("GET", "/checklists/<id:checklist_id>/snapshots"): "object",
    ("GET", "/checklists/<id:checklist_id>/snapshots/history"): "object",
    ("POST", "/checklists/<id:checklist_id>/snapshots"): "object",
    ("DELETE", "/checklists/<id:checklist_id>/snapshots"): "object",
    ("GET", "/runs"): "list",
    ("GET", "/runs/<uuid:run_id>"): "object",
    ("POST", "/runs/<uuid:run_id>/cancel"): "object",
    ("POST", "/runs/<uuid:run_id>/accept"): "object",
    ("POST", "/schedules"): "own",
    ("GET", "/schedules"): "list",
    ("GET", "/schedules/<id:schedule_id>"): "object",
    ("PUT", "/schedules/<id:schedule_id>"): "object",
    ("DELETE", "/schedules/<id:schedule_id>"): "object",
    ("GET", "/schedules/<id:schedule_id>/occurrences"): "object",
    ("POST", "/schedules/<id:schedule_id>/pause"): "object",
    ("POST", "/schedules/<id:schedule_id>/resume"): "object",
    ("POST", "/schedules/<id:schedule_id>/skip-next"): "object",
    ("POST", "/schedules/<id:schedule_id>/trigger"): "object",
    ("POST", "/schedules/preview"): "own",
    ("POST", "/jobs"): "own",
    ("GET", "/jobs"): "list",
    ("GET", "/jobs/<uuid:job_id>"): "object",
    ("DELETE", "/jobs/<uuid:job_id>"): "object",
    ("POST", "/jobs/<uuid:job_id>/cancel"): "object",
    ("POST", "/jobs/<uuid:job_id>/retry"): "object",
    ("POST", "/queues/<queue_name>/tasks"): "own",
    ("POST", "/queues/<queue_name>/pop"): "own",
    ("POST", "/queues/<queue_name>/retry-failed"): "own",
    ("GET", "/queues"): "list",
    ("GET", "/queues/<queue_name>"): "object",
    ("PUT", "/queues/<queue_name>"): "own",
    ("GET", "/tasks"): "list",
    ("GET", "/tasks/<uuid:task_id>"): "object",
    ("POST", "/tasks/<uuid:task_id>/cancel"): "object",
    ("POST", "/tasks/<uuid:task_id>/retry"): "object",
    ("POST", "/tasks/<uuid:task_id>/ack"): "object",
    ("POST", "/tasks/ack"): "own",
    ("POST", "/tasks/<uuid:task_id>/fail"): "object",
    ("POST", "/tasks/<uuid:task_id>/release"): "object",
    ("POST", "/tasks/<uuid:task_id>/extend"): "object",
    ("POST", "/tasks/<uuid:task_id>/log"): "object",
    ("POST", "/webhooks"): "own",
    ("GET", "/webhooks"): "list",
    ("GET", "/webhooks/<id:webhook_id>"): "object",
    ("PUT", "/webhooks/<id:webhook_id>"): "object",
    ("DELETE", "/webhooks/<id:webhook_id>"): "object",
    ("POST", "/webhooks/<id:webhook_id>/rotate-secret"): "object",
    ("POST", "/webhooks/<id:webhook_id>/test"): "object",
    ("GET", "/webhooks/<id:webhook_id>/deliveries"): "object",
    ("GET", "/deliveries"): "list",
    ("GET", "/deliveries/<uuid:delivery_id>"): "object",
    ("POST", "/deliveries/<uuid:delivery_id>/replay"): "object",
    ("PUT", "/api/pushTask/<queue_name>"): "own",
    ("GET", "/api/popTask/<queue_name>"): "own",
    ("GET", "/events"): "list",
    ("GET", "/events/<uuid:event_id>"): "object",
}
ABSENT = {
    "checklist_id": "999999999",
    "run_id": "00000000-0000-7000-8000-000000000000",
    "key_id": "999999999",
    "schedule_id": "999999999",
    "job_id": "00000000-0000-7000-8000-000000000000",
    "queue_name": "absent",
    "task_id": "00000000-0000-7000-8000-000000000000",
    "webhook_id": "999999999",
    "delivery_id": "00000000-0000-7000-8000-000000000000",
    "event_id": "00000000-0000-7000-8000-000000000000",
}


@pytest.fixture(scope="module")
def owner(api: ApiClient, database: Database) -> Account:
    return an_account_with_everything(api, database)


@pytest.fixture(scope="module")
def stranger(api: ApiClient, database: Database) -> Account:
    return an_account_with_everything(api, database)


def everything_of(account: Account) -> list[Any]:
    """All that an account can read of itself."""
    answers = [account.call(route) for route in LISTS]
    single = (
        *("/checklists/<id:checklist_id>", "/runs/<uuid:run_id>", "/schedules/<id:schedule_id>"),
        *("/jobs/<uuid:job_id>", "/tasks/<uuid:task_id>"),
        *("/webhooks/<id:webhook_id>", "/deliveries/<uuid:delivery_id>", "/events/<uuid:event_id>"),
    )
    answers += [account.call(("GET", rule)) for rule in single]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    seen = [answer.json for answer in answers]
    for key in seen[0]["data"]:
        del key["last_used_at"]
    for queue in next(answer["data"] for route, answer in zip(LISTS, seen, strict=False) if route[1] == "/queues"):
        del queue["oldest_pending_seconds"]
    return seen


def identity(row: Any) -> Any:
    """What a row of a list is known by: queues have names."""
    return row["id"] if "id" in row else row["name"]


def test_every_route_has_an_entry_here() -> None:
    assert set(EXPECTED) == set(ROUTES)


def marked(word: str) -> list[Route]:
    return sorted(route for route, expected in EXPECTED.items() if expected == word)


@pytest.mark.parametrize("route", marked("object"), ids=" ".join)
def test_an_object_of_another_account_is_as_absent_as_one_that_never_was(
    owner: Account, stranger: Account, route: Route
) -> None:
    before = everything_of(owner)
    body = {"json": BODIES[route]} if route in BODIES else {}
    foreign = stranger.call(route, values=owner.values, **body)
    absent = stranger.call(route, values=ABSENT, **body)
    assert problem(foreign, 404) == problem(absent, 404)
    assert everything_of(owner) == before


@pytest.mark.parametrize("route", marked("list"), ids=" ".join)
def test_a_list_shows_the_callers_own_rows_only(owner: Account, stranger: Account, route: Route) -> None:
    theirs, ours = (account.call(route, query_string={"limit": 200}).json["data"] for account in (owner, stranger))
    assert theirs
    assert ours
    assert not {identity(row) for row in theirs} & {identity(row) for row in ours}


@pytest.mark.parametrize("route", sorted(set(ROUTES) - set(marked("public"))), ids=" ".join)
def test_nothing_but_what_is_public_and_signing_up_works_without_a_key(owner: Account, route: Route) -> None:
    body = {"json": BODIES[route]} if route in BODIES else {}
    answer = Account(owner.api.without_key(), owner.values).call(route, **body)
    if route == ("POST", "/api-keys"):
        assert answer.status_code == 201
    else:
        problem(answer, 401)


@pytest.mark.parametrize("route", marked("public"), ids=" ".join)
def test_what_is_public_asks_for_no_key(owner: Account, route: Route) -> None:
    with Account(owner.api.without_key(), owner.values).call(route) as answer:
        assert answer.status_code == (503 if route[1] == "/ready" else 200)


@pytest.mark.parametrize("rule", ["/runs", "/schedules"])
def test_filtering_by_a_checklist_of_another_account_finds_nothing(
    owner: Account, stranger: Account, rule: str
) -> None:
    found = stranger.call(("GET", rule), query_string={"checklist_id": owner.values["checklist_id"]})
    assert (found.status_code, found.json["data"]) == (200, [])


@pytest.mark.parametrize("route", [("POST", "/schedules"), ("PUT", "/schedules/<id:schedule_id>")], ids=" ".join)
def test_a_schedule_of_a_checklist_of_another_account_is_refused_as_of_one_that_never_was(
    owner: Account, stranger: Account, route: Route
) -> None:
    foreign, absent = (
        problem(stranger.call(route, json=INTERVAL | {"checklist_id": int(checklist_id)}), 404)
        for checklist_id in (owner.values["checklist_id"], ABSENT["checklist_id"])
    )
    assert foreign == absent
    assert [error["pointer"] for error in foreign["errors"]] == ["/checklist_id"]


def test_filtering_jobs_by_a_schedule_of_another_account_finds_nothing(owner: Account, stranger: Account) -> None:
    schedule_id = owner.api.make("/schedules", {"cron": "@daily", "uri": "http://127.0.0.1:9/"})["id"]
    owner.api.make(f"/schedules/{schedule_id}/trigger", {})
    ours, theirs = (
        account.call(("GET", "/jobs"), query_string={"schedule_id": schedule_id}).json["data"]
        for account in (owner, stranger)
    )
    assert (len(ours), theirs) == (1, [])


def test_a_cursor_of_another_account_leads_to_ones_own_rows(owner: Account, stranger: Account) -> None:
    for route in marked("list"):
        for account in (owner, stranger):
            if route[1] == "/api-keys":
                account.api.make("/api-keys", {})
            elif route[1] == "/checklists":
                account.api.make_checklist()
            elif route[1] == "/schedules":
                account.call(("POST", route[1]), json=INTERVAL)
            elif route[1] == "/jobs":
                account.api.make_job()
            elif route[1] in ("/queues", "/tasks"):
                account.api.push_task(f"queue-{uuid4()}")
            elif route[1] == "/webhooks":
                account.api.make("/webhooks", WEBHOOK)
            elif route[1] in ("/deliveries", "/events"):
                account.call(("POST", "/webhooks/<id:webhook_id>/test"))
            else:
                account.api.start_run(int(account.values["checklist_id"]))
        cursor = owner.call(route, query_string={"limit": 1}).json["next_cursor"]
        ours = {identity(row) for row in stranger.call(route).json["data"]}
        found = {identity(row) for row in stranger.call(route, query_string={"cursor": cursor}).json["data"]}
        assert found <= ours


@pytest.mark.parametrize("name", ["webhook_id", "event_id"])
def test_filtering_deliveries_by_what_is_another_accounts_finds_nothing(
    owner: Account, stranger: Account, name: str
) -> None:
    found = stranger.call(("GET", "/deliveries"), query_string={name: owner.values[name]})
    assert (found.status_code, found.json["data"]) == (200, [])


def test_an_event_of_one_account_is_delivered_to_no_webhook_of_another(owner: Account, stranger: Account) -> None:
    webhook = stranger.api.make("/webhooks", WEBHOOK | {"event_types": ["*"]})
    schedule = owner.api.make_schedule()
    assert owner.api.post(f"/schedules/{schedule['id']}/pause").status_code == 200
    found = stranger.call(("GET", "/webhooks/<id:webhook_id>/deliveries"), values={"webhook_id": str(webhook["id"])})
    assert found.json["data"] == []


def test_a_queue_of_another_account_has_nothing_but_ones_own_tasks(owner: Account, stranger: Account) -> None:
    before = everything_of(owner)
    name = owner.values["queue_name"]
    assert stranger.api.pop_tasks(name, max=100) == []
    mine = stranger.api.push_task(name, dedup_key="shared")
    theirs = owner.api.push_task(name, dedup_key="shared", delay_seconds=3_600)
    assert (mine["deduplicated"], theirs["deduplicated"]) == (False, False)
    assert [task["id"] for task in stranger.api.pop_tasks(name, max=100)] == [mine["id"]]
    owner.api.post(f"/tasks/{theirs['id']}/cancel")
    assert [task["id"] for task in owner.api.pop_tasks(name, max=100)] == [owner.values["task_id"]]
    assert everything_of(owner) != before


def test_a_lease_token_is_worth_nothing_in_another_account(owner: Account, stranger: Account) -> None:
    owner.api.push_task("leased")
    [task] = owner.api.pop_tasks("leased")
    token = {"lease_token": task["lease_token"]}
    acked = stranger.api.post("/tasks/ack", {"acks": [token | {"id": task["id"]}]})
    assert [result["outcome"] for result in acked.json["results"]] == ["unknown"]
    for action, body in (
        ("ack", {}),
        ("fail", {"error": "e"}),
        ("release", {}),
        ("extend", {"lease_seconds": 5}),
        ("log", {"message": ""}),
    ):
        problem(stranger.api.post(f"/tasks/{task['id']}/{action}", token | body), 404)
    assert owner.api.post(f"/tasks/{task['id']}/ack", token).status_code == 200


def test_idempotency_keys_of_another_account_replay_nothing(owner: Account, stranger: Account) -> None:
    headers = {"Idempotency-Key": "shared"}
    body = {"name": "mine alone", "worker_url": "http://127.0.0.1:9/"}
    first = owner.api.post("/checklists", body, headers=headers)
    second = stranger.api.post("/checklists", body, headers=headers)
    assert first.json["id"] != second.json["id"]
    assert "Idempotent-Replay" not in second.headers


def test_a_stranger_cannot_wait_for_the_run_of_another(owner: Account, stranger: Account) -> None:
    route = ("POST", "/checklists/<id:checklist_id>/run")
    problem(stranger.call(route, values=owner.values, headers={"Prefer": "wait=5"}), 404)


def test_closing_an_account_leaves_all_others_alone(owner: Account, api: ApiClient, database: Database) -> None:
    leaving = an_account_with_everything(api, database)
    before = everything_of(owner)
    assert leaving.api.delete("/api-keys").status_code == 200
    problem(leaving.api.get("/checklists"), 401)
    assert everything_of(owner) == before
