"""The registry's clients, unchanged: its two documented examples to the byte, and every status code that it names."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient, problem
from tests.processes import wait_until
from tests.waiting_pops import waiting_pops

# As the document shows them, Accept included.
PUSH_HEADERS = {"User-Agent": "insomnia/6.2.0", "Content-Type": "application/json", "Accept": "_/_"}
POP_HEADERS = {"User-Agent": "insomnia/6.2.0", "Accept": "*/*"}
PUSH_BODY = b'{\n\t"args": [\n\t\t"kek"\n\t]\n}'


@pytest.fixture
def client(fresh: ApiClient) -> SystemClient:
    return SystemClient(fresh, "")


def push(client: SystemClient, body: bytes, worker: str = "zoneCheck") -> Any:
    return client.call("PUT", f"/api/pushTask/{worker}", data=body, headers=PUSH_HEADERS)


def pop(client: SystemClient, worker: str = "zoneCheck", query: str = "wait=0") -> Any:
    return client.call("GET", f"/api/popTask/{worker}?{query}", headers=POP_HEADERS)


def test_example_push_answers_200(client: SystemClient) -> None:
    assert len(PUSH_BODY) == 25  # the document's Content-Length
    answer = push(client, PUSH_BODY)
    assert answer.status_code == 200
    assert answer.json == {"success": True}
    assert pop(client).json["task"]["args"] == ["kek"]


def test_example_pop_answers_with_the_payload_and_an_id(client: SystemClient) -> None:
    push(client, b'{"domain": "kek"}')
    answer = pop(client, query="")  # waits, but not for what is there
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    id = answer.json["task"]["id"]
    assert str(UUID(id)) == id
    assert answer.text == f'{{"task":{{"domain":"kek","id":"{id}"}}}}'
    assert answer.content_length == 69  # the document's Content-Length


def test_code_202_when_there_is_no_task_at_this_moment(client: SystemClient) -> None:
    answer = pop(client)
    assert (answer.status_code, answer.json) == (202, {"error": "No tasks available"})
    push(client, PUSH_BODY)
    assert pop(client).status_code == 200
    assert pop(client).status_code == 202


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_code_5xx_when_the_service_itself_is_at_fault(client: SystemClient, app_with: Any, method: str) -> None:
    away: FlaskClient = app_with(database_url="postgresql:///none?host=/nonexistent").client
    broken = SystemClient(ApiClient(away, client.api.key), "")
    answer = push(broken, PUSH_BODY) if method == "PUT" else pop(broken)
    problem(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_id_of_the_service_takes_the_place_of_one_in_the_payload(client: SystemClient) -> None:
    push(client, b'{"id": "theirs", "domain": "kek"}')
    task = pop(client).json["task"]
    assert UUID(task["id"])
    assert task["domain"] == "kek"


def test_a_worker_gets_the_tasks_of_its_own_name_only_in_their_order(client: SystemClient) -> None:
    for number in range(3):
        push(client, b'{"number": %d}' % number)
        push(client, b'{"number": %d}' % (number + 10), worker="whois")
    assert [pop(client).json["task"]["number"] for _ in range(3)] == [0, 1, 2]
    assert [pop(client, "whois").json["task"]["number"] for _ in range(3)] == [10, 11, 12]


def test_each_task_is_given_to_one_of_many_workers(client: SystemClient) -> None:
    for number in range(20):
        push(client, b'{"number": %d}' % number)
    with ThreadPoolExecutor(4) as pool:
        clients = [client.for_another_thread() for _ in range(24)]
        answers = list(pool.map(pop, clients))
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [202] * 4
    given = [answer.json["task"]["number"] for answer in answers if answer.status_code == 200]
    assert sorted(given) == list(range(20))


def test_a_worker_that_waits_gets_what_is_pushed_meanwhile(client: SystemClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pop, client.for_another_thread(), "zoneCheck", "")
        wait_until(lambda: waiting_pops(client.api.get("/metrics").text) == 1, "it waits")
        push(client, PUSH_BODY)
        assert waiting.result(10).json["task"]["args"] == ["kek"]


def test_what_was_popped_is_done_for_our_own_interface_too(client: SystemClient) -> None:
    push(client, PUSH_BODY)
    id = pop(client).json["task"]["id"]
    task = client.api.get(f"/tasks/{id}").json
    assert (task["state"], task["queue"], task["payload"]) == ("succeeded", "zoneCheck", {"args": ["kek"]})


def test_what_our_own_interface_pushes_its_workers_pop(client: SystemClient) -> None:
    task = client.api.push_task("zoneCheck", {"domain": "kek"})
    assert pop(client).json == {"task": {"domain": "kek", "id": task["id"]}}


def test_another_key_finds_nothing_and_none_is_refused(client: SystemClient, api: ApiClient) -> None:
    push(client, PUSH_BODY)
    assert pop(SystemClient(api.signed_up(), "")).status_code == 202
    nobody = SystemClient(api.without_key(), "")
    problem(pop(nobody), 401)
    problem(push(nobody, PUSH_BODY), 401)
    assert pop(client).status_code == 200
    assert pop(client).status_code == 202
