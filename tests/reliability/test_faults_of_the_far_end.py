"""Whatever a checklist worker answers, or does not: its run ends in its allowance, says why, and the worker lives."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.database import Database
from tests.processes import RunningApi, ServiceProcess, free_port
from tests.target import Target

GOOD = [{"name": "flow", "assertions": [{"name": "check", "value": 1}]}]
ALLOWANCE_SECONDS = 1


@pytest.fixture(scope="module")
def service(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    logs: Path = tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        for module in ("scheduler", "worker"):
            stack.enter_context(ServiceProcess(module, environment=environment, log=logs / f"{module}.log"))
        yield stack.enter_context(RunningApi(environment=environment, log=logs / "api.log"))


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as far_end:
        far_end.answers["/good"] = GOOD
        yield far_end


def a_checklist(service: RunningApi, name: str, **source: Any) -> int:
    made = service.make("/checklists", {"name": name, "timeout_seconds": ALLOWANCE_SECONDS, **source})
    return int(made["id"])


def finished_run(service: RunningApi, name: str, **source: Any) -> tuple[Any, float]:
    return timed_run(service, a_checklist(service, name, **source))


def timed_run(service: RunningApi, checklist_id: int) -> tuple[Any, float]:
    began = time.monotonic()
    run = service.run(checklist_id)
    return run, time.monotonic() - began


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("hang", "1 s"),
        ("trickled-header", "1 s"),
        ("trickled-body", "1 s"),
        ("endless-1xx", ""),
        ("huge", "1 MiB"),
        ("gzip-bomb", ""),
        ("html", "JSON"),
        ("status/500", "500"),
        ("status/404", "404"),
        ("redirect/1", "302"),
        ("reset", ""),
        ("reset-body", ""),
        ("garbage", ""),
        ("short-body", ""),
    ],
)
def test_a_run_whose_far_end_misbehaves_ends_with_a_clear_error(
    service: RunningApi, target: Target, mode: str, reason: str
) -> None:
    path = f"/bad/{mode.replace('/', '-')}"
    target.on(path, mode)
    run, seconds = finished_run(service, f"far end: {mode}", worker_url=target.url(path))
    assert (run["state"], run["outcome"]) == ("failed", "error")
    assert run["error"]
    assert reason in run["error"]
    assert "127.0.0.1" not in run["error"]
    assert seconds < ALLOWANCE_SECONDS + 1


@pytest.mark.parametrize(
    "answer",
    [
        {"flows": []},
        "flows",
        None,
        [1],
        [{"name": "flow"}],
        [{"name": 1, "assertions": []}],
        [{"name": "flow", "assertions": [{"name": "check"}]}],
        [{"name": "flow", "assertions": [{"name": "check", "snapshot": 1}]}],
        [{"name": "flow", "assertions": [{"name": "check", "value": 1, "snapshot": "1"}]}],
        [{"name": "flow", "assertions": []}, {"name": "flow", "assertions": []}],
        [{"name": "flow", "assertions": [{"name": "check", "value": "nul \0 byte"}]}],
        [{"name": "flow", "assertions": [{"name": "check", "value": "\ud800"}]}],
    ],
)
def test_json_of_the_wrong_shape_is_an_error_that_says_what_was_expected(
    service: RunningApi, target: Target, answer: Any, request: pytest.FixtureRequest
) -> None:
    path = f"/shape/{abs(hash(request.node.name))}"
    target.answers[path] = answer
    run, _ = finished_run(service, request.node.name, worker_url=target.url(path))
    assert (run["state"], run["outcome"]) == ("failed", "error")
    assert run["error"]


def test_a_worker_url_that_nobody_listens_at_is_refused_clearly(service: RunningApi) -> None:
    run, _ = finished_run(service, "nobody", worker_url=f"http://127.0.0.1:{free_port()}/")
    assert run["outcome"] == "error"
    assert "refused" in run["error"]


FORBIDDEN_HOSTS = ["10.0.0.1", "169.254.169.254", "[::1]", "192.168.1.1", "0x0a000001", "[::ffff:10.0.0.1]"]


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
def test_an_address_that_is_not_allowed_cannot_be_written(service: RunningApi, host: str) -> None:
    checklist = {"name": f"unwritten {host}", "worker_url": f"http://{host}/"}
    answer = service.call("POST", "/checklists", json=checklist)
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["errors"]] == ["/worker_url"]
    assert "not allowed" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
def test_an_address_that_is_not_allowed_is_never_connected_to(
    service: RunningApi, database: Database, host: str
) -> None:
    """Written when it was allowed: the settings have changed since."""
    checklist_id = a_checklist(service, f"forbidden {host}", worker_url="http://127.0.0.1/")
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE checklists SET worker_url = %s WHERE id = %s", (f"http://{host}/", checklist_id)
        )
    run, seconds = timed_run(service, checklist_id)
    assert run["outcome"] == "error"
    assert "not allowed" in run["error"]
    assert seconds < ALLOWANCE_SECONDS


def test_runs_that_hang_do_not_hold_up_the_others(service: RunningApi, target: Target) -> None:
    target.on("/hangs", "hang")
    hanging = service.make("/checklists", {"name": "hanging", "timeout_seconds": 5, "worker_url": target.url("/hangs")})
    waiting = [service.make(f"/checklists/{hanging['id']}/run")["id"] for _ in range(10)]
    run, seconds = finished_run(service, "quick", worker_url=target.url("/good"))
    assert run["outcome"] == "passed"
    assert seconds < 1
    for run_id in waiting:
        assert service.call("POST", f"/runs/{run_id}/cancel").ok


def test_flows_of_a_run_are_in_flight_at_once_and_one_that_fails_leaves_the_others(
    service: RunningApi, target: Target
) -> None:
    target.on("/hangs", "hang")

    def flow(name: str, path: str) -> dict[str, Any]:
        return {"name": name, "steps": [{"act": "get", "request": {"url": target.url(path)}}, {"check": "body"}]}

    flows = [flow(f"slow {number}", "/hangs") for number in range(5)] + [flow("quick", "/good")]
    run, seconds = finished_run(service, "many flows", flows=flows)
    assert run["outcome"] == "error"
    assert seconds < ALLOWANCE_SECONDS + 1
    by_name = {flow["name"]: flow for flow in run["flows"]}
    assert by_name["quick"]["assertions"] == [{"name": "body", "result": "NEW", "observed": GOOD}]
    assert all("error" in by_name[f"slow {number}"] for number in range(5))
