"""`roundsman run`: what is shown, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from roundsman.commands.running import Progress
from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import (
    HANGING,
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

START = "POST /checklists/3/run"
LOOK = f"GET /runs/{RUN_ID}"
MISS = {
    "name": "all to-dos",
    "result": "MISS",
    "observed": "[red]\x1b[31m",
    "expected": "calm",
    "diff": [{"pointer": "/0/title", "expected": "calm", "observed": "[red]\x1b[31m"}],
}
CHANGED = a_run(MISS, outcome="changed", summary={"match": 0, "miss": 1, "new": 0, "obsolete": 0})


@pytest.fixture
def service() -> Iterator[StubService]:
    with StubService({"GET /checklists": page(a_checklist()), "GET /checklists/3": ok(a_checklist())}) as stub:
        stub.on(START, ok(a_run({"name": "all to-dos", "result": "MATCH", "observed": []})))
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_a_run_that_finds_all_as_approved_exits_with_0(environment):
    result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == 0
    assert "todo-api: passed (1 match)" in result.stdout
    assert "all to-dos" in result.stdout
    assert result.stderr == ""


def test_a_change_exits_with_1_and_shows_what_changed_as_plain_text(service, environment):
    service.on(START, ok(CHANGED))
    result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == 1
    assert r'/0/title  "calm" → "[red]\u001b[31m"' in result.stdout
    assert "\x1b" not in result.stdout
    assert f"roundsman accept {RUN_ID}" in result.stdout


@pytest.mark.parametrize(
    ("fields", "exit_code"),
    [
        ({"outcome": "new"}, 1),
        ({"outcome": "error", "error": "connection refused"}, 3),
        ({"outcome": "error", "state": "failed", "error": "timed out"}, 3),
        ({"outcome": None, "state": "canceled", "error": "canceled by its owner"}, 3),
    ],
)
def test_the_outcome_decides_the_exit_code(service, environment, fields, exit_code):
    service.on(START, ok(a_run(**fields)))
    result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == exit_code
    assert (fields.get("error") or "new") in result.stdout


def test_a_checklist_is_found_by_its_id_too(service, environment):
    assert typed("run", "3", environment=environment).exit_code == 0
    assert service.asked_for("GET /checklists") == []


def test_a_name_of_digits_is_found_when_there_is_no_such_id(service, environment):
    assert typed("run", "2026", environment=environment).exit_code == 0
    assert service.asked_for("GET /checklists")[0].query == "limit=1&name=2026"


def test_a_run_that_takes_longer_is_looked_at_until_it_ends(service, environment):
    service.on(START, Answer(202, a_pending_run()))
    service.on(LOOK, ok(a_pending_run(state="running")), ok(CHANGED))
    result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == 1
    assert len(service.asked_for(LOOK)) == 2
    assert result.stderr == ""  # no terminal, no progress


def test_a_run_that_does_not_end_in_its_time_exits_with_3_and_tells_how_to_look_later(
    service, environment, monkeypatch
):
    monkeypatch.setattr("roundsman.commands.running.MARGIN_SECONDS", -20)
    service.on(START, Answer(202, a_pending_run()))
    service.on(LOOK, ok(a_pending_run(state="running")))
    result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == 3
    assert result.stderr == f"Error: the run is still running; `roundsman show {RUN_ID}` tells what it finds\n"


def test_a_lost_answer_does_not_start_a_second_run(service, environment):
    service.on(START, LOST, ok(a_run()))
    assert typed("run", "todo-api", environment=environment).exit_code == 0
    first, second = service.asked_for(START)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_no_wait_prints_the_id_and_asks_for_no_more(service, environment):
    service.on(START, Answer(202, a_pending_run()))
    result = typed("run", "todo-api", "--no-wait", environment=environment)
    assert (result.exit_code, result.stdout) == (0, f"started: {RUN_ID}\n")
    assert "prefer" not in service.asked_for(START)[0].headers


def test_json_prints_the_run_itself_with_the_same_exit_code(service, environment):
    service.on(START, ok(CHANGED))
    result = typed("run", "todo-api", "--json", environment=environment)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == CHANGED
    assert "\x1b" not in result.stdout


def test_variables_are_sent_as_typed(service, environment):
    typed("run", "3", "--variable", "user=ada", "--variable", "query=a=b", environment=environment)
    assert service.asked_for(START)[0].body == {"variables": {"user": "ada", "query": "a=b"}}


@pytest.mark.parametrize("assignments", [["user"], ["=ada"], ["user=ada", "user=eve"]])
def test_a_variable_that_is_none_is_a_usage_error(service, environment, assignments):
    arguments = [part for assignment in assignments for part in ("--variable", assignment)]
    result = typed("run", "3", *arguments, environment=environment)
    assert result.exit_code == 2
    assert "--variable" in result.stderr
    assert service.asked == []


def test_a_checklist_that_is_not_there_exits_with_4(service, environment):
    service.on("GET /checklists", page())
    result = typed("run", "no\x1b[31m such", environment=environment)
    assert result.exit_code == 4
    assert "there is no checklist" in result.stderr
    assert "roundsman checklists" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_refusal_exits_with_4_and_names_the_places(service, environment):
    service.on(START, problem(422, "the input is not valid", ("/variables/1x", "is not a valid variable name")))
    result = typed("run", "3", "--variable", "1x=2", environment=environment)
    assert result.exit_code == 4
    assert result.stderr == "Error: the input is not valid\n  /variables/1x: is not a valid variable name\n"


def test_a_key_that_is_not_known_exits_with_4_and_says_where_keys_come_from(service, environment):
    service.on("GET /checklists", problem(401, "the API key is not known, or has been revoked"))
    result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == 4
    assert "ROUNDSMAN_API_KEY" in result.stderr


def test_a_service_out_of_reach_exits_with_4_in_one_sentence():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, but nobody listens
        environment = environment_of(f"http://127.0.0.1:{reserved.getsockname()[1]}")
        result = typed("run", "todo-api", environment=environment)
    assert result.exit_code == 4
    assert "is out of reach: Connection refused; is `roundsman up` running" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_without_a_key_it_is_said_where_to_put_one(service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = typed("run", "todo-api", environment={"ROUNDSMAN_URL": service.url})
    assert result.exit_code == 2
    assert "set ROUNDSMAN_API_KEY" in result.stderr
    assert service.asked == []


def test_the_key_of_a_service_started_here_is_found_by_itself(service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roundsman-data").mkdir()
    (tmp_path / "roundsman-data" / "api-key").write_text("rk_from_file\n")
    assert typed("run", "todo-api", environment={"ROUNDSMAN_URL": service.url}).exit_code == 0
    assert {each.headers["authorization"] for each in service.asked} == {"Bearer rk_from_file"}


@pytest.mark.parametrize(("name", "value"), [("ROUNDSMAN_URL", "127.0.0.1:8080"), ("ROUNDSMAN_API_KEY", "two words")])
def test_an_environment_that_cannot_be_is_a_usage_error(environment, name, value):
    result = typed("run", "todo-api", environment={**environment, name: value})
    assert result.exit_code == 2
    assert name in result.stderr
    assert "two words" not in result.stderr


def test_progress_tells_the_state_and_the_seconds():
    progress = Progress("todo\x1b-api", since=100.0)
    assert progress.text(100.2) == r"todo\x1b-api: pending, 0 s"
    progress.watch(a_pending_run(state="running"))
    assert progress.text(112.6) == r"todo\x1b-api: running, 13 s"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {START: HANGING},
            "Stopped before the run was known; `roundsman runs --checklist 3` lists it if it was started",
        ),
        (
            {START: Answer(202, a_pending_run()), LOOK: HANGING},
            f"Stopped waiting; the run goes on: `roundsman show {RUN_ID}` tells what it finds",
        ),
    ],
    ids=["before it answers", "while it waits"],
)
def test_ctrl_c_exits_with_130_and_tells_how_to_look_later(service, environment, answers, said):
    for route, answer in answers.items():
        service.on(route, answer)
    command = [sys.executable, "-m", "roundsman.cli", "run", "3"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True) as process:
        assert service.being_asked.wait(20)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == f"{said}\n"
