"""Whatever a client sends to whichever route: an answer within two seconds that says why, and never a 500."""

import copy
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import pytest

from api.schemas.fields import QUEUE_NAME
from shared.database import Database
from tests.api.bad_bodies import NOT_JSON, RAW, WRONG_VALUES
from tests.api.routes import (
    BODIES,
    BODY_IS_OPTIONAL,
    LISTS,
    PARAMETER,
    QUERIES,
    ROUTES,
    Account,
    Route,
    an_account_with_everything,
)
from tests.api_client import ApiClient, pages

every_route = pytest.mark.parametrize("route", ROUTES, ids=" ".join)
every_route_with_a_body = pytest.mark.parametrize("route", list(BODIES), ids=" ".join)
WITHOUT_KEY = {"/", "/health", "/ready", "/metrics", "/docs", "/docs/assets/<name>", "/openapi.json"}


@pytest.fixture(scope="module")
def lasting(api: ApiClient, database: Database) -> Account:
    """The account whose lists must still be readable when everything below has been tried on it."""
    return an_account_with_everything(api, database)


@pytest.fixture(scope="module")
def spent() -> list[Account]:
    """Accounts to throw away; the last one may still have its objects."""
    return []


@pytest.fixture
def account(route: Route, lasting: Account, spent: list[Account], api: ApiClient, database: Database) -> Account:
    """The lasting account, but one to throw away for what may delete its objects."""
    if route[0] != "DELETE":
        return lasting
    needed = (
        *("/checklists/<id:checklist_id>", "/schedules/<id:schedule_id>", "/jobs/<uuid:job_id>"),
        "/webhooks/<id:webhook_id>",
    )
    if not spent or any(spent[-1].call(("GET", rule)).status_code != 200 for rule in needed):
        spent.append(an_account_with_everything(api, database))
    return spent[-1]


def send(account: Account, route: Route, **options: Any) -> Any:
    """The answer, after what is asked of every answer."""
    began = time.monotonic()
    answer = account.call(route, **options)
    assert time.monotonic() - began < 2
    assert answer.status_code < 500 or route[1] == "/ready", answer.text[:500]
    if answer.status_code >= 400 and route[1] != "/ready":
        assert answer.content_type == "application/problem+json"
        assert answer.json["detail"]
        assert len(answer.data) < 100_000
    answer.close()
    return answer


@every_route_with_a_body
@pytest.mark.parametrize("name", list(RAW))
def test_a_body_that_is_no_such_object_is_refused(account: Account, route: Route, name: str) -> None:
    answer = send(account, route, data=RAW[name], content_type="application/json")
    assert answer.status_code == (400 if name in NOT_JSON else 422)


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in BODIES], ids=" ".join)
def test_a_body_where_none_is_read_is_no_accident(
    route: Route, lasting: Account, api: ApiClient, database: Database
) -> None:
    for raw in RAW.values():
        account = an_account_with_everything(api, database) if route[0] == "DELETE" else lasting
        send(account, route, data=raw, content_type="application/json")


@every_route_with_a_body
def test_a_body_that_is_missing_is_refused_where_one_is_needed(account: Account, route: Route) -> None:
    answer = send(account, route, data=b"", content_type="application/json")
    assert (answer.status_code == 400) is (route not in BODY_IS_OPTIONAL)


@every_route_with_a_body
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "\xff", "application/json;charset=x"])
def test_a_body_of_another_type_is_refused(account: Account, route: Route, content_type: str) -> None:
    answer = send(account, route, data=b'{"a": 1}', content_type=content_type)
    assert answer.status_code == 415


@every_route_with_a_body
@pytest.mark.parametrize("data", [b"{", b"[" * 60_000, b'{"surprise": 1}', b" " * 1_048_577], ids=range(4))
def test_a_chunked_body_is_judged_like_any_other(account: Account, route: Route, data: bytes) -> None:
    answer = send(
        account,
        route,
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        input_stream=BytesIO(data),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert 400 <= answer.status_code < 500


@every_route_with_a_body
def test_a_field_that_nobody_knows_is_refused_and_named(account: Account, route: Route) -> None:
    answer = send(account, route, json={**BODIES[route], "surprise": 1})
    assert answer.status_code == 422
    assert "/surprise" in {error["pointer"] for error in answer.json["errors"]}


HOSTILE_IDS = [
    *("0", "-1", "01", "1.0", "1e3", "x", "null", "true", "%00", "%ff", "%F0%9F%98%80", "٣", "%2e%2e", "1%20", "'--"),
    *("9" * 18, "9" * 19, "9" * 400, "9" * 10_240, "x" * 10_240),
    *("00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "{0}", "urn:uuid:0"),
]


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if "<" in route[1] and "<queue_name>" not in route[1]], ids=" ".join
)
@pytest.mark.parametrize("id", HOSTILE_IDS, ids=lambda id: id[:40])
def test_an_id_that_cannot_be_is_not_found(lasting: Account, route: Route, id: str) -> None:
    values = dict.fromkeys(PARAMETER.findall(route[1]), id)
    body = {"json": BODIES[route]} if route in BODIES else {}
    assert send(lasting, route, values=values, **body).status_code == 404


@pytest.mark.parametrize("route", [route for route in ROUTES if "<queue_name>" in route[1]], ids=" ".join)
@pytest.mark.parametrize("name", HOSTILE_IDS, ids=lambda name: name[:40])
def test_a_name_that_no_queue_can_have_is_refused(lasting: Account, route: Route, name: str) -> None:
    body = {"json": BODIES[route]} if route in BODIES else {}
    answer = send(lasting, route, values={"queue_name": name}, **body)
    if not QUEUE_NAME.fullmatch(unquote(name)):
        assert answer.status_code in (404, 422)


def mutations(value: Any) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """Every place in a JSON value, and how to put something else there."""
    yield "", lambda _, wrong: wrong
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        for place, replace in mutations(member):

            def put(whole: Any, wrong: Any, key: Any = key, replace: Any = replace) -> Any:
                whole[key] = replace(whole[key], wrong)
                return whole

            yield f"/{key}{place}", put


PLACES = [(route, place) for route, body in BODIES.items() for place, _ in mutations(body) if place]


@pytest.mark.parametrize(("route", "place"), PLACES, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_a_wrong_value_anywhere_in_a_body_is_no_accident(account: Account, route: Route, place: str) -> None:
    put = dict(mutations(BODIES[route]))[place]
    for wrong in WRONG_VALUES:
        send(account, route, json=put(copy.deepcopy(BODIES[route]), wrong))


@pytest.mark.parametrize(("route", "place"), PLACES, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_a_member_that_is_missing_is_no_accident(account: Account, route: Route, place: str) -> None:
    body = copy.deepcopy(BODIES[route])
    *way, last = place.split("/")[1:]
    owner: Any = body
    for step in way:
        owner = owner[int(step)] if isinstance(owner, list) else owner[step]
    del owner[int(last) if isinstance(owner, list) else last]
    send(account, route, json=body)


QUERY_VALUES = [
    *("", " ", "-1", "0", "201", "9" * 18, "9" * 19, "9" * 400, "1.5", "1e2", "0x10", "٣", "+1", "true", "null", "x"),
    *("\0", "a\0b", "\ud7ff", "é", "%", "'", "x" * 201, "x" * 8_000),
    *("LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk", "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw", "4pyT", "====", "AA=="),
]
PARAMETERS = {
    "/checklists": ["name"],
    "/runs": ["checklist_id", "schedule_id", "state", "outcome"],
    "/checklists/<id:checklist_id>/snapshots/history": ["flow", "name"],
    "/schedules": ["name", "checklist_id", "state"],
    "/schedules/<id:schedule_id>/occurrences": ["outcome"],
    "/jobs": ["state", "schedule_id"],
    "/tasks": ["queue", "state"],
    "/webhooks": ["enabled"],
    "/webhooks/<id:webhook_id>/deliveries": ["state"],
    "/deliveries": ["webhook_id", "event_id", "state"],
    "/events": ["type"],
}


@pytest.mark.parametrize("route", LISTS, ids=" ".join)
def test_a_query_of_nonsense_is_no_accident(lasting: Account, route: Route) -> None:
    for parameter in ("limit", "cursor", "surprise", "", "\0", *PARAMETERS.get(route[1], ())):
        needed = QUERIES.get(route, {})
        for value in QUERY_VALUES:
            send(lasting, route, query_string={**needed, parameter: value})


@every_route
def test_a_query_where_none_is_read_is_no_accident(account: Account, route: Route) -> None:
    body = {"json": BODIES[route]} if route in BODIES else {}
    send(account, route, query_string="limit=x&limit=y&%ff=%fe&%00=%00&&=&a", **body)


@pytest.mark.parametrize("route", LISTS, ids=" ".join)
@pytest.mark.parametrize(
    ("limit", "status"),
    [("-1", 422), ("0", 422), ("1", 200), ("200", 200), ("201", 422), ("", 422), ("1.0", 422), ("true", 422)],
)
def test_the_limit_of_a_page_is_from_1_to_200(lasting: Account, route: Route, limit: str, status: int) -> None:
    query = {"limit": limit} | ({"flow": "f", "name": "c"} if route[1].endswith("history") else {})
    answer = send(lasting, route, query_string=query)
    assert answer.status_code == status
    if status == 422:
        assert answer.json["errors"] == [{"pointer": "/limit", "detail": "must be a whole number from 1 to 200"}]


@pytest.mark.parametrize("route", LISTS, ids=" ".join)
def test_a_parameter_given_twice_or_unknown_is_refused(lasting: Account, route: Route) -> None:
    assert send(lasting, route, query_string="limit=1&limit=2").status_code == 422
    assert send(lasting, route, query_string="surprise=1&flow=f&name=c").status_code == 422
    assert send(lasting, route, query_string="&".join(f"p{number}=1" for number in range(900))).status_code == 422
    assert send(lasting, route, query_string="%ff=%fe&%00=%00").status_code == 422


HEADERS = [
    {"Prefer": "wait=" + "9" * 5_000},
    {"Prefer": '"' * 1_000},
    {"Prefer": "wait=0; " + "a=b; " * 1_000},
    {"Idempotency-Key": "x" * 10_240},
    {"Idempotency-Key": "\xff\xfe"},
    {"Idempotency-Key": "\t"},
    {"Authorization": "Bearer " + "x" * 10_240},
    {"Authorization": "Bearer rk_\xff_\xfe"},
    {"Authorization": "Basic " + "A" * 10_240},
    {"Authorization": "Basic /////w=="},
    {"Authorization": "Bearer a=b, c=d"},
    {"X-Request-Id": "x" * 10_240},
    {"Accept": "\xff", "Accept-Encoding": "\xff", "Accept-Language": "*" * 1_000},
    {"Content-Length": "-1"},
    {"Content-Length": "9" * 30},
    {"Content-Encoding": "gzip, gzip, \xff"},
    {"Transfer-Encoding": "gzip, chunked"},
    {"Host": "\xff"},
    {"Range": "bytes=99999999999999999999-"},
    {"If-None-Match": '"' * 1_000, "If-Modified-Since": "yesterday"},
    {"Cookie": "a=b; " * 1_000},
    {"Expect": "200-maybe"},
    {"X-HTTP-Method-Override": "DELETE"},
]


@pytest.mark.parametrize("route", [route for route in ROUTES if route[1] not in WITHOUT_KEY], ids=" ".join)
@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: ", ".join(headers))
def test_a_header_of_nonsense_is_no_accident(account: Account, route: Route, headers: dict[str, str]) -> None:
    body = {"json": BODIES[route]} if route in BODIES else {}
    answer = send(account, route, headers=headers, **body)
    if "Authorization" in headers and route[1] in {rule for _, rule in LISTS}:
        assert answer.status_code == 401


@pytest.mark.parametrize("path", sorted(WITHOUT_KEY))
def test_a_header_of_nonsense_is_no_accident_for_who_has_no_key(lasting: Account, path: str) -> None:
    for headers in HEADERS:
        send(lasting, ("GET", path), headers=headers)


def test_afterwards_every_list_is_still_readable_to_its_end(lasting: Account) -> None:
    for _, rule in LISTS:
        path = PARAMETER.sub(lambda parameter: lasting.values[parameter[1]], rule)
        query = {"flow": "f", "name": "c"} if rule.endswith("history") else {}
        assert pages(lasting.api, path, 200, **query), rule
    for checklist in pages(lasting.api, "/checklists", 200):
        for sub in ("", "/snapshots"):
            assert lasting.api.get(f"/checklists/{checklist['id']}{sub}").status_code == 200
    for webhook in pages(lasting.api, "/webhooks", 200):
        for sub in ("", "/deliveries"):
            assert lasting.api.get(f"/webhooks/{webhook['id']}{sub}").status_code == 200
    for queue in pages(lasting.api, "/queues", 200):
        assert lasting.api.get(f"/queues/{queue['name']}").status_code == 200
    for task in pages(lasting.api, "/tasks", 200):
        assert lasting.api.get(f"/tasks/{task['id']}").status_code == 200
    for job in pages(lasting.api, "/jobs", 200):
        assert lasting.api.get(f"/jobs/{job['id']}").status_code == 200
    for schedule in pages(lasting.api, "/schedules", 200):
        for sub in ("", "/occurrences"):
            assert lasting.api.get(f"/schedules/{schedule['id']}{sub}").status_code == 200
