"""No account sees or changes anything of another through automated-qa's routes."""

import pytest

from tests.api.compat import automated_qa_client
from tests.api.compat.automated_qa_client import (
    ELSEWHERE,
    END,
    FLOWS,
    NOT_FOUND,
    PREFIX,
    ROUTES,
    WORKER,
    everything_of,
    made,
    one_of_each,
    refused,
)
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient

plain = automated_qa_client.plain


@pytest.mark.parametrize("route", [route for route in ROUTES if "<" in route[1]], ids=" ".join)
def test_an_object_of_another_account_is_not_found_and_stays_as_it_is(
    plain: SystemClient, api: ApiClient, route: tuple[str, str]
) -> None:
    method, rule = route
    each = one_of_each(plain)
    kind = rule.removeprefix("/v1").split("/")[1]
    path = "/".join(str(each[kind]["id"]) if part.startswith("<") else part for part in rule.split("/"))
    before = everything_of(plain)
    stranger = SystemClient(api.signed_up(), PREFIX)
    body = {"workerUrl": ELSEWHERE, "cron": "@hourly", "url": ELSEWHERE, "flows": FLOWS}
    refused(stranger.call(method, path, body), 404, NOT_FOUND)
    assert everything_of(plain) == before


@pytest.mark.parametrize("route", [route for route in ROUTES if "<" not in route[1]], ids=" ".join)
def test_all_else_is_about_the_callers_account_alone(
    plain: SystemClient, api: ApiClient, route: tuple[str, str]
) -> None:
    method, rule = route
    checklist = one_of_each(plain)["checklists"]
    before = everything_of(plain)
    stranger = SystemClient(api.signed_up(), PREFIX)
    body = {"workerUrl": ELSEWHERE, "cron": "@hourly", "checklistId": checklist["id"], "url": WORKER, "eventType": END}
    answer = stranger.call(method, rule, body)
    if method == "GET" and rule.removeprefix("/v1") != "/":
        [(_, listed)] = answer.json["data"].items()
        assert listed == []
    elif rule.removeprefix("/v1") == "/schedules":
        refused(answer, 404, NOT_FOUND)
    assert everything_of(plain) == before


def test_a_schedule_cannot_be_led_to_the_checklist_of_another_account(plain: SystemClient, api: ApiClient) -> None:
    stranger = SystemClient(api.signed_up(), PREFIX)
    own = one_of_each(stranger)["schedules"]
    foreign = made(plain, "/checklists", workerUrl=WORKER)
    refused(stranger.call("PUT", f"/schedules/{own['id']}", {"checklistId": foreign["id"]}), 404, NOT_FOUND)
