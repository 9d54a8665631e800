"""The Python client against a service that answers as the contract says, and against ones that do not."""

import socket
from collections.abc import Iterator

import pytest

from roundsman import transport
from roundsman.address import InvalidAddress
from roundsman.client import Client
from roundsman.errors import (
    ApiError,
    Conflict,
    Invalid,
    NotFound,
    OverLimit,
    ServerUnreachable,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from tests.roundsman.stub_service import (
    LOST,
    RUN_ID,
    Answer,
    StubService,
    a_checklist,
    a_pending_run,
    a_run,
    ok,
    page,
    problem,
)

RUN = "POST /checklists/3/run"


class Time:
    """A clock that stands still but for the pauses, which take no time."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def service() -> Iterator[StubService]:
    with StubService() as stub:
        yield stub


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client(service: StubService, time: Time) -> Iterator[Client]:
    with Client(service.url, "rk_a_b\n", pause=time.pause, clock=time.clock) as client:
        yield client


def test_the_key_goes_with_every_request_whatever_a_netrc_file_says(service, client, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    service.on("GET /checklists/3", ok(a_checklist()))
    assert client.checklists.get(3)["name"] == "todo-api"
    assert service.asked[0].headers["authorization"] == "Bearer rk_a_b"


def test_a_proxy_of_the_environment_does_not_come_between_us_and_this_machine(service, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    service.on("GET /checklists/3", ok(a_checklist()))
    with Client(service.url, "k") as client:
        assert client.checklists.get(3)["id"] == 3


def test_a_client_without_a_key_opens_an_account_and_sends_none(service):
    new = {"id": 1, "name": "laptop", "api_key": "rk_x_y", "created_at": "2026-03-01T12:00:00Z"}
    service.on("POST /api-keys", Answer(201, new))
    with Client(service.url) as client:
        assert client.keys.create("laptop")["api_key"] == "rk_x_y"
    assert "authorization" not in service.asked[0].headers


def test_a_run_is_started_again_with_the_same_key_when_the_answer_was_lost(service, client):
    service.on(RUN, LOST, Answer(503, {"detail": "away"}), Answer(202, a_pending_run()))
    assert client.runs.start(3, variables={"user": "ada"}, wait_seconds=30)["id"] == RUN_ID
    asked = service.asked_for(RUN)
    assert len(asked) == 3
    assert len({each.headers["idempotency-key"] for each in asked}) == 1
    assert {each.headers["prefer"] for each in asked} == {"wait=30"}
    assert [each.body for each in asked] == [{"variables": {"user": "ada"}}] * 3


def test_two_runs_have_two_idempotency_keys(service, client):
    service.on(RUN, Answer(202, a_pending_run()))
    client.runs.start(3)
    client.runs.start(3)
    first, second = service.asked_for(RUN)
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert "prefer" not in first.headers


def test_what_could_happen_twice_is_not_sent_twice(service, client):
    service.on("POST /api-keys", LOST)
    service.on("DELETE /checklists/3", LOST)
    with pytest.raises(ServerUnreachable):
        client.keys.create()
    with pytest.raises(ServerUnreachable):
        client.checklists.delete(3)
    assert len(service.asked) == 2


def test_a_service_out_of_reach_is_told_as_such_after_a_bounded_time(time):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with Client(url, "k", pause=time.pause, clock=time.clock) as client, pytest.raises(ServerUnreachable) as raised:
            client.checklists.get(3)
    assert raised.value.code == "server_unreachable"
    assert str(raised.value) == f"{url} is out of reach: Connection refused"
    assert 0 < sum(time.pauses) <= transport.PATIENCE_SECONDS


def test_retry_after_is_honoured_while_patience_lasts(service, client, time):
    service.on("GET /checklists/3", Answer(429, {}, {"Retry-After": "1"}), ok(a_checklist()))
    client.checklists.get(3)
    assert time.pauses == [1]
    service.on("GET /checklists/3", Answer(429, {}, {"Retry-After": "60"}))
    with pytest.raises(OverLimit) as raised:
        client.checklists.get(3)
    assert raised.value.retry_after_seconds == 60
    assert time.pauses == [1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (404, NotFound),
        (409, Conflict),
        (422, Invalid),
        (500, ApiError),
        (503, Unavailable),
    ],
)
def test_a_problem_is_an_error_of_its_own_kind(service, client, status, kind):
    service.on("DELETE /checklists/3", problem(status, "no", ("/name", "must be text")))
    with pytest.raises(kind) as raised:
        client.checklists.delete(3)
    assert raised.value.status == status
    assert raised.value.detail == "no"
    assert [(each.pointer, each.detail) for each in raised.value.errors] == [("/name", "must be text")]
    assert str(raised.value) == "no (/name: must be text)"


@pytest.mark.parametrize("body", [b"<h1>Bad Gateway</h1>", b"", b"[" * 100_000, [], {"detail": 5, "errors": [7]}])
def test_an_error_that_is_no_problem_detail_still_has_its_status(service, client, body):
    service.on("DELETE /checklists/3", Answer(502, body))
    with pytest.raises(Unavailable) as raised:
        client.checklists.delete(3)
    assert str(raised.value) == "502 Bad Gateway"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b"<h1>Sign in</h1>"), "not JSON"),
        (Answer(200, {"ok": True}), "is it a Roundsman?"),
        (Answer(200, ["id"]), "is it a Roundsman?"),
        (Answer(302, {}, {"Location": "http://127.0.0.1:1/"}), "redirected"),
    ],
)
def test_another_service_at_that_url_is_noticed(service, client, answer, said):
    service.on("GET /checklists/3", answer)
    with pytest.raises(UnexpectedAnswer, match=said):
        client.checklists.get(3)


def test_a_list_that_is_none_is_noticed(service, client):
    service.on("GET /runs", ok({"ok": True}))
    with pytest.raises(UnexpectedAnswer, match="no list"):
        client.runs.page()


def test_an_answer_without_end_is_cut_off(service, client, monkeypatch):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000)
    service.on("GET /checklists/3", Answer(200, b'"' + b"a" * 200_000 + b'"'))
    with pytest.raises(UnexpectedAnswer, match="more than 1000 bytes"):
        client.checklists.get(3)


def test_each_follows_the_cursor_and_stops_at_the_most_that_is_wanted(service, client):
    service.on("GET /checklists", page(a_checklist(id=1), a_checklist(id=2), next_cursor="c 2"), page(a_checklist()))
    assert [each["id"] for each in client.checklists.each()] == [1, 2, 3]
    assert [each.query for each in service.asked] == ["limit=200", "limit=200&cursor=c+2"]
    service.on("GET /checklists", page(a_checklist(), next_cursor="again"))
    assert len(list(client.checklists.each(most=4))) == 4


def test_a_list_of_empty_pages_comes_to_an_end(service, client):
    service.on("GET /checklists", page(next_cursor="again"))
    assert list(client.checklists.each(most=7)) == []
    assert len(service.asked) == 7


def test_waiting_looks_ever_less_often_until_the_run_has_ended(service, client, time):
    looks = [*([ok(a_pending_run())] * 3), ok(a_pending_run(state="running")), ok(a_run())]
    service.on(f"GET /runs/{RUN_ID}", *looks)
    states = []
    run = client.runs.wait(RUN_ID, seconds=60, watch=lambda run: states.append(run["state"]))
    assert run["outcome"] == "passed"
    assert states == ["pending", "pending", "pending", "running", "succeeded"]
    assert time.pauses == sorted(time.pauses)
    assert max(time.pauses) <= 1


def test_waiting_ends_when_its_time_is_over(service, client, time):
    service.on(f"GET /runs/{RUN_ID}", ok(a_pending_run()))
    assert client.runs.wait(RUN_ID, seconds=7)["state"] == "pending"
    assert time.now == 1_007


def test_waiting_outlives_a_restart_of_the_service(service, client, time):
    service.on(f"GET /runs/{RUN_ID}", ok(a_pending_run()), *([LOST] * 6), ok(a_run()))
    assert client.runs.wait(RUN_ID, seconds=60)["outcome"] == "passed"
    service.on(f"GET /runs/{RUN_ID}", LOST)
    with pytest.raises(ServerUnreachable):
        client.runs.wait(RUN_ID, seconds=60)


def test_an_id_stays_within_its_place_in_the_path(service, client):
    with pytest.raises(NotFound):
        client.runs.get("../api-keys?x=1#y")
    assert service.asked[0].path == "/runs/..%2Fapi-keys%3Fx%3D1%23y"


def test_a_value_that_is_no_json_is_refused_before_it_is_sent(service, client):
    with pytest.raises(ValueError, match="JSON"):
        client.checklists.create({"name": "x", "rules": [float("nan")]})
    assert service.asked == []


def test_text_is_sent_as_it_is_and_not_six_bytes_for_a_letter(service, client):
    service.on("POST /checklists", Answer(201, a_checklist()))
    client.checklists.create({"name": "проверка"})
    client.checklists.create({"name": "half a pair \ud83d, проверка"})
    whole, half = service.asked
    assert (whole.body, half.body) == ({"name": "проверка"}, {"name": "half a pair \ud83d, проверка"})
    assert int(whole.headers["content-length"]) == len('{"name": "проверка"}'.encode())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "ftp://127.0.0.1",
        "http://",
        "http://[::1",
        "http://127.0.0.1:port",
        "http://rk_a_b@127.0.0.1",
        "http://127.0.0.1/?a=b",
        "http://127.0.0.1/#a",
        "http://127.0.0.1/a b",
        "http://a..b:8080",
        f"http://{'a' * 64}.example",
        "http://127.0.0.1/\n",
    ],
)
def test_a_url_where_no_service_can_be_is_refused(url):
    with pytest.raises(InvalidAddress, match=r"expected a URL such as http://127\.0\.0\.1:8080"):
        Client(url, "k")


@pytest.mark.parametrize("key", ["", " \n", "a b", "a\r\nX-Header: b", "ключ", "k" * 201])
def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(key):
    with pytest.raises(InvalidAddress) as raised:
        Client("http://127.0.0.1:1", key)
    assert "1 to 200 printable ASCII characters" in str(raised.value)
    assert not key.strip() or key.strip() not in str(raised.value)


def test_the_environment_says_which_service_and_which_key(service, monkeypatch):
    monkeypatch.setenv("ROUNDSMAN_URL", service.url)
    monkeypatch.setenv("ROUNDSMAN_API_KEY", "rk_a_b")
    service.on("GET /checklists", page())
    with Client.from_environment() as client:
        assert list(client.checklists.each()) == []
    [asked] = service.asked_for("GET /checklists")
    assert asked.headers["authorization"] == "Bearer rk_a_b"
