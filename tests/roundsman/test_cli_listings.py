"""`roundsman runs`, `show` and `checklists`."""

import json
from collections.abc import Iterator

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import RUN_ID, StubService, a_checklist, a_pending_run, a_run, ok, page


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        "GET /runs": page(
            a_pending_run(checklist_id=None),
            a_run(outcome="changed", summary={"match": 2, "miss": 1, "new": 0, "obsolete": 0}),
        ),
        f"GET /runs/{RUN_ID}": ok(a_run({"name": "titles", "result": "MATCH", "observed": 1})),
        "GET /checklists": page(
            a_checklist(), a_checklist(id=4, name="[bold]\x1b]0;x\x07", worker_url=None, flows=[{}])
        ),
        "GET /checklists/3": ok(a_checklist()),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_runs_are_listed_with_names_outcomes_and_how_long_they_took(environment):
    result = typed("runs", environment=environment)
    assert result.exit_code == 0
    _, pending, changed = result.stdout.splitlines()
    assert pending.split() == [RUN_ID, "deleted", "pending", "api", "2026-03-01T12:00:00Z"]
    assert changed.split() == [
        RUN_ID,
        "todo-api",
        "changed",
        "2",
        "match,",
        "1",
        "miss",
        "api",
        "2026-03-01T12:00:00Z",
        "1.5",
        "s",
    ]  # fmt: skip (one line of the table is one line here)


def test_runs_are_filtered_by_the_service(service, environment):
    typed(
        "runs",
        "--checklist",
        "todo-api",
        "--state",
        "succeeded",
        "--outcome",
        "changed",
        "--limit",
        "7",
        environment=environment,
    )  # fmt: skip (the options in pairs)
    assert service.asked_for("GET /runs")[0].query == "limit=7&checklist_id=3&state=succeeded&outcome=changed"


@pytest.mark.parametrize("option", [["--state", "done"], ["--outcome", "red"], ["--limit", "0"], ["--limit", "many"]])
def test_a_filter_that_is_none_is_a_usage_error(service, environment, option):
    assert typed("runs", *option, environment=environment).exit_code == 2
    assert service.asked == []


def test_lists_are_json_when_asked_for(environment):
    assert len(json.loads(typed("runs", "--json", environment=environment).stdout)) == 2
    assert len(json.loads(typed("checklists", "--json", environment=environment).stdout)) == 2


def test_no_runs_are_a_list_too(service, environment):
    service.on("GET /runs", page())
    assert json.loads(typed("runs", "--json", environment=environment).stdout) == []
    assert typed("runs", environment=environment).exit_code == 0


def test_a_run_is_shown_with_the_name_of_its_checklist(environment):
    result = typed("show", RUN_ID, environment=environment)
    assert result.exit_code == 0
    assert result.stdout.startswith("todo-api: passed")


def test_a_run_without_its_checklist_is_shown_too(service, environment):
    service.on(f"GET /runs/{RUN_ID}", ok(a_run(checklist_id=None)))
    assert typed("show", RUN_ID, environment=environment).exit_code == 0


def test_what_is_no_run_id_is_a_usage_error(service, environment):
    assert typed("show", "../api-keys", environment=environment).exit_code == 2
    assert service.asked == []


def test_a_run_that_is_not_there_exits_with_4(environment):
    other = "0196b0a3-5f6e-7c2d-9a41-000000000000"
    result = typed("show", other, environment=environment)
    assert (result.exit_code, result.stderr) == (4, "Error: there is no such object\n")


def test_checklists_are_listed_and_their_names_are_plain_text(environment):
    result = typed("checklists", environment=environment)
    assert result.exit_code == 0
    assert "todo-api" in result.stdout
    assert "1 flow" in result.stdout
    assert r"[bold]\x1b]0;x\x07" in result.stdout
    assert "\x1b" not in result.stdout
