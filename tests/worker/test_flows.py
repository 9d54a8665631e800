"""Flows performed step by step, against answers prepared beforehand."""

import asyncio
import json
from collections.abc import Callable

import pytest

from shared.domain.observations import ObservedCheck, ObservedFlow
from worker.flows import MAX_OBSERVED_BYTES, observe_flow, observe_flows
from worker.outbound.exchange import Request, Response, Unreachable

HOST = "http://127.0.0.1"


def respond(value: object, status: int = 200, *, truncated: bool = False, elapsed_ms: int = 5) -> Response:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response(status, (("content-type", "application/json"),), body, truncated, elapsed_ms)


class Target:
    """Answers by path and remembers what it was asked; an answer may be a function of the request."""

    def __init__(self, **answers: Response | Unreachable | Callable[[Request], Response]) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        self.timeouts: list[float] = []

    async def send(self, request: Request, timeout_seconds: float) -> Response | Unreachable:
        self.requests.append(request)
        self.timeouts.append(timeout_seconds)
        answer = self.answers[request.url.split("/")[3].split("?")[0]]
        return answer(request) if callable(answer) else answer


def act(name: str = "get", path: str = "a", **more: object) -> dict[str, object]:
    request = {"url": f"{HOST}/{path}"} | more.pop("request", {})
    return {"act": name, "request": request, **more}


def observe(target: Target, *steps: object, variables: dict[str, str] | None = None, now: float = 0) -> ObservedFlow:
    flow = {"name": "flow", "steps": list(steps)}
    return asyncio.run(observe_flow(flow, variables or {}, target.send, 60.0, clock=lambda: now))


def test_a_check_observes_the_body_of_the_last_answer():
    found = observe(
        Target(a=respond([1]), b=respond({"x": 2})), act(), {"check": "one"}, act(path="b"), {"check": "two"}
    )
    assert found == ObservedFlow("flow", (ObservedCheck("one", [1], True), ObservedCheck("two", {"x": 2}, True)))


def test_a_check_may_observe_any_part_of_the_answer():
    found = observe(
        Target(a=respond({"x": [5, 6]}, status=201, elapsed_ms=17)),
        act(),
        {"check": "all", "observe": "@"},
        {"check": "some", "observe": '{s: status, x: body.x[-1], type: headers."content-type"}'},
        {"check": "nothing", "observe": "body.y"},
    )
    everything = {
        "status": 201,
        "headers": {"content-type": "application/json"},
        "body": {"x": [5, 6]},
        "elapsed_ms": 17,
    }
    assert [check.value for check in found.checks] == [
        everything,
        {"s": 201, "x": 6, "type": "application/json"},
        None,
    ]
    assert all(check.observed for check in found.checks)


def test_captured_values_are_filled_in_with_their_types():
    target = Target(a=respond({"id": 7, "token": "t"}), b=lambda request: respond(json.loads(request.body)))
    found = observe(
        target,
        act(capture={"id": "id", "token": "token"}),
        act(
            path="b",
            request={
                "url": f"{HOST}/b/{{{{id}}}}",
                "json": {"id": "{{id}}", "who": "{{who}}"},
                "auth": {"bearer": "{{token}}"},
            },
            expect={"json": {"id": "{{id}}"}},
        ),
        {"check": "echo", "expect": {"json": {"who": "{{who}}"}}},
        variables={"who": "Ada"},
    )
    assert found == ObservedFlow("flow", (ObservedCheck("echo", {"id": 7, "who": "Ada"}, True),))
    assert target.requests[1].url == f"{HOST}/b/7"
    assert ("authorization", "Bearer t") in target.requests[1].headers


def test_failed_expectations_of_an_act_become_a_check_and_do_not_end_the_flow():
    found = observe(
        Target(a=respond({"x": 1}, status=500)),
        act("create", expect={"status": 200, "max_elapsed_ms": 1}),
        {"check": "body"},
    )
    assert found.checks == (
        ObservedCheck(
            "create",
            None,
            observed=False,
            errors=("expected status 200, observed 500", "expected an answer within 1 ms, observed 5 ms"),
        ),
        ObservedCheck("body", {"x": 1}, observed=True),
    )
    assert found.error is None


def test_failed_expectations_of_a_check_are_errors_beside_its_value():
    found = observe(Target(a=respond({"x": 1})), act(), {"check": "body", "expect": {"json": {"x": 2}}})
    assert found.checks == (ObservedCheck("body", {"x": 1}, True, ("expected x to be 2, observed 1",)),)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (act(path="down"), "act 'get': connection refused"),
        (act(request={"url": "{{base}}/x"}), "act 'get': {{base}} has no value"),
        (act(expect={"json": {"x": "{{base}}"}}), "act 'get': {{base}} has no value"),
        (act(request={"headers": {"x": "a\r\nb"}}), "act 'get': the value of the header x must be"),
        (act(capture={"t": "token"}), "act 'get': the capture 't' finds nothing at token"),
        (act(capture={"t": "a["}), "act 'get': the expression ends too early"),
        (act(capture={"t": "abs(x)"}), "act 'get': the expression 'abs(x)' fails"),
        (act(path="large", capture={"t": "x"}), "act 'get': the capture 't' finds nothing: the answer is larger"),
        ({"check": "early"}, "check 'early': there is no answer to look at; an act must come before it"),
    ],
)
def test_an_act_that_cannot_be_performed_ends_the_flow_with_a_sentence(step, error):
    target = Target(
        a=respond({"x": "y"}),
        down=Unreachable("refused", "connection refused", 1),
        large=respond(b"[1", truncated=True),
    )
    found = observe(target, step, {"check": "never"})
    assert (found.error or "").startswith(error)
    assert found.checks == ()


def test_what_was_observed_before_a_flow_ended_is_kept():
    target = Target(a=respond(1), down=Unreachable("reset", "connection reset", 1))
    found = observe(target, act(), {"check": "first"}, act(path="down"), {"check": "never"})
    assert found == ObservedFlow("flow", (ObservedCheck("first", 1, True),), "act 'get': connection reset")


@pytest.mark.parametrize(
    ("answer", "check", "error"),
    [
        (respond(b"[1", truncated=True), {}, "the answer is larger than 1 MiB"),
        (respond(b"a\0b"), {}, "the answer holds NUL characters, which cannot be kept"),
        (respond(1), {"observe": "body["}, "the expression ends too early, at character 6"),
        (respond(1), {"observe": "{{gone}}"}, "{{gone}} has no value"),
        (respond(1), {"observe": "length(body)"}, "the expression 'length(body)' fails: length() takes"),
    ],
)
def test_a_check_that_cannot_observe_has_no_value_and_says_why(answer, check, error):
    found = observe(Target(a=answer), act(), {"check": "c", **check}, {"check": "status", "observe": "status"})
    assert found.error is None
    assert (found.checks[0].observed, found.checks[0].value) == (False, None)
    assert found.checks[0].errors[0].startswith(error)
    assert len(found.checks) == 2


def test_repeated_checks_are_numbered_and_a_failed_act_does_not_rename_them():
    steps = [act("x", expect={"status": 201}), {"check": "x"}, {"check": "x"}]
    assert [check.name for check in observe(Target(a=respond(1)), *steps).checks] == ["x[3]", "x", "x[2]"]
    assert [check.name for check in observe(Target(a=respond(1, 201)), *steps).checks] == ["x", "x[2]"]


def test_every_act_gets_the_time_that_is_left():
    instants = iter([10.0, 30.0, 59.5])
    target = Target(a=respond(1))
    flow = {"name": "flow", "steps": [act(), act(), act()]}
    asyncio.run(observe_flow(flow, {}, target.send, 60.0, clock=lambda: next(instants)))
    assert target.timeouts == [50.0, 30.0, 0.5]


def test_after_the_deadline_nothing_more_is_sent():
    target = Target(a=respond(1))
    found = observe(target, act(), {"check": "c"}, now=60.0)
    assert found == ObservedFlow("flow", (), "act 'get': the time of the run was over before it")
    assert target.requests == []


def test_a_call_that_never_ends_is_abandoned(monkeypatch):
    monkeypatch.setattr("worker.flows.ABANDON_AFTER_SECONDS", 0.0)

    async def hang(request: Request, timeout_seconds: float) -> Response | Unreachable:
        await asyncio.Event().wait()
        raise AssertionError

    flow = {"name": "flow", "steps": [act()]}
    found = asyncio.run(observe_flow(flow, {}, hang, 0.01, clock=lambda: 0.0))
    assert found.error == "act 'get': the time of the run was over before its answer was complete"


def test_flows_run_side_by_side_each_with_its_own_variables_in_the_written_order():
    met = []

    async def perform() -> tuple[ObservedFlow, ...]:
        both_are_here = asyncio.Barrier(2)

        async def send(request: Request, timeout_seconds: float) -> Response | Unreachable:
            met.append(request.url)
            await both_are_here.wait()  # neither would ever get past it alone
            return respond({"id": request.url[-1]})

        flows = [
            {
                "name": name,
                "steps": [
                    act(path=f"{{{{base}}}}{name}", capture={"base": "id"}),
                    {"check": "id", "observe": "body.id"},
                ],
            }
            for name in ("p", "q")
        ]
        return await observe_flows(flows, {"base": "v"}, send, 5.0, clock=lambda: 0.0)

    found = asyncio.run(perform())
    assert [(flow.name, flow.checks[0].value) for flow in found] == [("p", "p"), ("q", "q")]
    assert sorted(met) == [f"{HOST}/vp", f"{HOST}/vq"]


def test_the_flow_that_observes_more_than_the_run_may_keep_is_ended():
    body = "x" * 1_000_000
    steps = [act(), *({"check": f"c{number}"} for number in range(6))]
    found = observe(Target(a=respond(body)), *steps)
    assert len(found.checks) == MAX_OBSERVED_BYTES // 1_000_002
    assert found.error == "check 'c4': the observed values of the run are larger than 4 MiB in all"


def test_captures_have_a_bound_of_their_own():
    found = observe(Target(a=respond("x" * 600_000)), act(capture={"one": "@"}), act(capture={"two": "@"}))
    assert found.error == "act 'get': the capture 'two' makes the captured values larger than 1 MiB in all"
