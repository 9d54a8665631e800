"""Observations asked of a checklist's worker."""

import json

import pytest

from shared.domain.observations import ObservedCheck, ObservedFlow, Unobservable, observations_of
from worker.outbound.exchange import Response, Unreachable
from worker.worker_url import observations, request_for


def answered(value: object, status: int = 200, *, truncated: bool = False) -> Response:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response(status, (), body, truncated, 5)


def why(answer: Response | Unreachable) -> str:
    with pytest.raises(Unobservable) as caught:
        observations(answer)
    return caught.value.detail


def test_the_worker_is_asked_with_the_ids_of_run_and_checklist():
    request = request_for("http://127.0.0.1/w", "0190-run", 7)
    assert (request.method, request.url) == ("POST", "http://127.0.0.1/w")
    assert ("content-type", "application/json") in request.headers
    assert json.loads(request.body) == {"run_id": "0190-run", "checklist_id": 7}
    assert not request.follow_redirects


def test_snapshots_are_json_text_and_values_are_json():
    found = observations(
        answered(
            [
                {"name": "f", "assertions": [{"name": "a", "snapshot": '{"x": 1}'}, {"name": "b", "value": None}]},
                {"name": "g", "assertions": [], "more": 1},
            ]
        )
    )
    assert found == (
        ObservedFlow("f", (ObservedCheck("a", {"x": 1}, True, text='{"x": 1}'), ObservedCheck("b", None, True))),
        ObservedFlow("g", ()),
    )


def test_repeated_checks_of_a_flow_are_numbered():
    (flow,) = observations_of([{"name": "f", "assertions": [{"name": "a", "value": n} for n in range(3)]}])
    assert [(check.name, check.value) for check in flow.checks] == [("a", 0), ("a[2]", 1), ("a[3]", 2)]


@pytest.mark.parametrize("text", ["", "{", "nonsense", '"\\u0000"', "[" * 40, '{"a":1,"a":2}'])
def test_a_snapshot_that_is_no_json_text_is_an_error_of_its_check_alone(text):
    (flow,) = observations_of(
        [{"name": "f", "assertions": [{"name": "a", "snapshot": text}, {"name": "b", "value": 1}]}]
    )
    broken, sound = flow.checks
    assert not broken.observed
    assert broken.text == text
    assert broken.errors[0].startswith("the snapshot is not JSON text: ")
    assert sound == ObservedCheck("b", 1, observed=True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answered([], 500), "status 500; expected 2xx"),
        (answered(b"out of  order\n", 503), "it says: out of order"),
        (answered([], 302), "redirects are not followed"),
        (answered(b"<html>", 404), "status 404; expected 2xx"),
        (answered(b"[", truncated=True), "larger than 1 MiB"),
        (answered(b""), "it is empty"),
        (answered(b" <!doctype html>"), "HTML"),
        (answered(b"[1,"), "not JSON"),
        (answered(b"\xff"), "not UTF-8"),
        (answered(b"[" * 60_000), "nested more than 32 deep"),
        (answered({"flows": []}), "in the worker's answer: expected an array of flows, observed object"),
        (answered([5]), "at /0 of the worker's answer: expected an object with a name, observed number"),
        (answered([{"assertions": []}]), "at /0/name of"),
        (answered([{"name": "", "assertions": []}]), "1 to 200 characters"),
        (answered([{"name": "n" * 201, "assertions": []}]), "1 to 200 characters"),
        (answered([{"name": "f"}]), "at /0/assertions of the worker's answer: expected an array of assertions"),
        (answered([{"name": "f", "assertions": [None]}]), "at /0/assertions/0 of"),
        (answered([{"name": "f", "assertions": [{"name": "a"}]}]), "exactly one of snapshot"),
        (answered([{"name": "f", "assertions": [{"name": "a", "value": 1, "snapshot": "1"}]}]), "exactly one of"),
        (answered([{"name": "f", "assertions": [{"name": "a", "snapshot": {}}]}]), "JSON itself goes into value"),
        (
            answered([{"name": "f", "assertions": []}] * 2),
            "at /1/name of the worker's answer: the flow 'f' is there twice",
        ),
        (answered([{"name": f"f{n}", "assertions": []} for n in range(201)]), "more than 200 flows"),
        (
            answered([{"name": f"f{n}", "assertions": [{"name": "a", "value": 1}] * 501} for n in range(2)]),
            "at /1/assertions of the worker's answer: more than 1,000 assertions in all",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(answer, words):
    assert words in why(answer)


def test_a_worker_that_cannot_be_reached_tells_whether_time_was_up():
    with pytest.raises(Unobservable) as hung:
        observations(Unreachable("timed_out", "no complete answer in 60 s", 60_000))
    assert hung.value.timed_out
    assert hung.value.detail == "the worker could not be asked: no complete answer in 60 s"
    with pytest.raises(Unobservable) as refused:
        observations(Unreachable("refused", "connection refused", 1))
    assert not refused.value.timed_out


def test_a_thousand_checks_are_not_too_many():
    (flow,) = observations_of([{"name": "f", "assertions": [{"name": "a", "value": 2**64}] * 1_000}])
    assert flow.checks[-1].name == "a[1000]"
