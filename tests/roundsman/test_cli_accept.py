"""`roundsman accept`: which run, and which of its checks."""

from collections.abc import Iterator

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import (
    RUN_ID,
    StubService,
    a_checklist,
    a_pending_run,
    a_run,
    ok,
    page,
    problem,
)

ACCEPT = f"POST /runs/{RUN_ID}/accept"
RUN = a_run({"name": "titles", "result": "MISS", "observed": 1}, {"name": "a/b", "result": "NEW", "observed": 2})


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        f"GET /runs/{RUN_ID}": ok(RUN),
        "GET /checklists": page(a_checklist()),
        ACCEPT: ok({"accepted": [{"flow": "list", "name": "titles\x1b[2J"}]}),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_all_that_a_run_observed_is_accepted_and_listed(service, environment):
    result = typed("accept", RUN_ID, environment=environment)
    assert (result.exit_code, result.stdout) == (0, "accepted  list / titles\\x1b[2J\n")
    assert service.asked_for(ACCEPT)[0].body == {}


def test_a_checklist_stands_for_its_latest_run_that_has_ended(service, environment):
    service.on("GET /runs", page(a_pending_run(id="0196b0a3-0000-7c2d-9a41-3f0c7e1d2b58"), RUN))
    assert typed("accept", "todo-api", environment=environment).exit_code == 0
    assert service.asked_for("GET /runs")[0].query == "limit=50&checklist_id=3"
    assert len(service.asked_for(ACCEPT)) == 1


def test_a_checklist_without_an_ended_run_is_refused(service, environment):
    service.on("GET /runs", page(a_pending_run()))
    result = typed("accept", "todo-api", environment=environment)
    assert (result.exit_code, result.stderr) == (4, "Error: no run of checklist 'todo-api' has ended yet\n")


def test_only_and_check_narrow_it_down_whatever_slashes_are_in_the_names(service, environment):
    result = typed("accept", RUN_ID, "--check", "list/a/b", "--only", "new", environment=environment)
    assert result.exit_code == 0
    assert service.asked_for(ACCEPT)[0].body == {"checks": [{"flow": "list", "name": "a/b"}], "only": "new"}


def test_a_check_that_the_run_does_not_have_is_a_usage_error_that_lists_those_it_has(service, environment):
    result = typed("accept", RUN_ID, "--check", "list/none", environment=environment)
    assert result.exit_code == 2
    assert "it has: 'list/titles', 'list/a/b'" in result.stderr
    assert service.asked_for(ACCEPT) == []


def test_a_text_that_means_two_checks_is_a_usage_error(service, environment):
    flow = {**RUN["flows"][0], "name": "list/a", "assertions": [{"name": "b", "result": "NEW", "observed": 1}]}
    service.on(f"GET /runs/{RUN_ID}", ok({**RUN, "flows": [*RUN["flows"], flow]}))
    result = typed("accept", RUN_ID, "--check", "list/a/b", environment=environment)
    assert result.exit_code == 2
    assert "means several checks" in result.stderr


def test_nothing_to_accept_is_said(service, environment):
    service.on(ACCEPT, ok({"accepted": []}))
    result = typed("accept", RUN_ID, environment=environment)
    assert (result.exit_code, result.stdout) == (0, f"nothing to accept in run {RUN_ID}: passed\n")


def test_a_newer_value_is_a_refusal(service, environment):
    service.on(ACCEPT, problem(409, "a newer value was accepted since this run", ("", "check 'titles' of flow 'list'")))
    result = typed("accept", RUN_ID, environment=environment)
    assert result.exit_code == 4
    assert result.stderr == "Error: a newer value was accepted since this run\n  check 'titles' of flow 'list'\n"
