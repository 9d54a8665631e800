"""`roundsman push`, `pop`, `queues` and `tasks`."""

import json
from collections.abc import Iterator

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import LOST, Answer, StubService, ok, page, problem
from tests.roundsman.task_objects import (
    LEASE_TOKEN,
    TASK_ID,
    a_done_task,
    a_failed_task,
    a_popped_task,
    a_queue,
    a_task,
)
from tests.roundsman.test_client_tasks import ACK, FAIL, POP, PUSH

SHOW = f"GET /tasks/{TASK_ID}"
CANCEL, RETRY = f"POST /tasks/{TASK_ID}/cancel", f"POST /tasks/{TASK_ID}/retry"
RETRY_FAILED = "POST /queues/mail/retry-failed"


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        "GET /queues": page(a_queue(), a_queue(name="print", failed=1_200, last_popped_at=None)),
        "GET /tasks": page(a_task(), a_failed_task()),
        SHOW: ok(a_failed_task()),
        PUSH: Answer(201, a_task(deduplicated=False)),
        POP: ok({"tasks": [a_popped_task()]}),
        ACK: ok(a_done_task()),
        FAIL: ok(a_failed_task()),
        CANCEL: ok(a_task(state="canceled")),
        RETRY: ok(a_task()),
        "POST /tasks/ack": ok({"results": [{"id": TASK_ID, "outcome": "acked"}]}),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_a_payload_is_pushed(service, environment):
    result = typed("push", "mail", '{"to": "ada"}', environment=environment)
    assert (result.exit_code, result.stdout) == (0, f"pushed: {TASK_ID}\n")
    assert service.asked[0].body == {"payload": {"to": "ada"}}
    assert service.asked[0].headers["idempotency-key"]


def test_a_payload_comes_from_a_file_or_from_standard_input_or_is_null(service, environment, tmp_path):
    file = tmp_path / "payload.json"
    file.write_text("[1, 2]")
    for argument, given in ((f"@{file}", None), ("-", "[1, 2]"), ("@-", b"[1, 2]")):
        typed("push", "mail", argument, environment=environment, standard_input=given)
        assert service.asked[-1].body == {"payload": [1, 2]}
    typed("push", "mail", environment=environment)
    assert service.asked[-1].body == {"payload": None}


def test_how_it_is_to_be_done_is_pushed_too(service, environment):
    given = ["--delay", "1.5", "--priority", "-3", "--dedup-key", "k", "--max-attempts", "2", "--timeout", "9"]
    assert typed("push", "mail", "1", *given, environment=environment).exit_code == 0
    assert service.asked[0].body == {
        "payload": 1,
        "delay_seconds": 1.5,
        "priority": -3,
        "dedup_key": "k",
        "max_attempts": 2,
        "timeout_seconds": 9,
    }


def test_a_task_that_is_there_already_is_told_as_such(service, environment):
    service.on(PUSH, Answer(201, a_task(deduplicated=True)))
    assert typed("push", "mail", "1", environment=environment).stdout == f"is there already: {TASK_ID}\n"


@pytest.mark.parametrize(
    ("task", "code"), [(a_done_task(result={"n": 1}), 0), (a_failed_task(), 1), (a_done_task(state="canceled"), 1)]
)
def test_a_task_that_is_waited_for_is_printed_when_it_has_ended(service, environment, task, code):
    service.on(SHOW, ok(a_task()), ok(task))
    result = typed("push", "mail", "1", "--wait", environment=environment)
    assert result.exit_code == code
    assert result.stdout.startswith(f"task on mail: {task['state']}\n")
    assert ('  result: {"n": 1}\n' in result.stdout) == (code == 0)
    assert service.asked[0].headers["prefer"] == "wait=2"


def test_a_wait_has_an_end(service, environment, monkeypatch):
    monkeypatch.setattr("roundsman.commands.push.LONGEST_WAIT_SECONDS", 0)
    service.on(SHOW, ok(a_task()))
    result = typed("push", "mail", "1", "--wait", environment=environment)
    told = f"Error: the task is still pending; `roundsman tasks show {TASK_ID}` tells what came of it\n"
    assert (result.exit_code, result.stderr) == (3, told)


def test_who_stops_waiting_is_told_that_the_task_goes_on(environment, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("roundsman.resources.tasks.Tasks.wait", interrupted)
    result = typed("push", "mail", "1", "--wait", environment=environment)
    assert result.exit_code == 130
    assert f"the task goes on: `roundsman tasks show {TASK_ID}`" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["push", "mail", "{"], "'{' is not JSON"),
        (["push", "mail", "NaN"], "'NaN' is not JSON"),
        (["push", "mail", "@/nowhere"], "the file '/nowhere' cannot be read"),
        (["push", "mail", "1", "--delay", "-1"], "'-1' is no number of seconds"),
        (["push", "mail", "1", "--priority", "high"], "'high' is not a valid integer"),
        (["push"], "Missing argument 'QUEUE'"),
        (["pop"], "Missing argument 'QUEUE'"),
        (["pop", "mail", "--max", "101"], "101 is not in the range"),
        (["pop", "mail", "--lease", "0"], "0 is not in the range"),
        (["pop", "mail", "--wait", "21"], "21 is not in the range"),
        (["tasks", "--state", "done"], "'done' is not one of"),
        (["tasks", "show", "7"], "'7' is not a valid UUID"),
        (["tasks", "ack", TASK_ID, "token"], "'token' is not a valid UUID"),
        (["queues", "dance"], "No such command 'dance'"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(service, environment, arguments, sentence):
    result = typed(*arguments, environment=environment)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert service.asked == []


def test_what_the_service_does_not_accept_is_told_with_its_place(service, environment):
    service.on(PUSH, problem(422, "the input is not valid", ("/priority", "must be at most 100")))
    result = typed("push", "mail", "1", "--priority", "101", environment=environment)
    expected = "Error: the input is not valid\n  /priority: must be at most 100\n"
    assert (result.exit_code, result.stderr) == (4, expected)


def test_popped_tasks_are_printed_with_what_it_takes_to_end_them(service, environment):
    result = typed(
        "pop", "mail", "--max", "5", "--lease", "90", "--wait", "3", "--worker", "me", environment=environment
    )
    assert result.exit_code == 0
    line = result.stdout.splitlines()[1].split()
    assert line[:5] == [TASK_ID, "1", '{"to":', '"ada"}', LEASE_TOKEN]
    assert service.asked[0].body == {"max": 5, "lease_seconds": 90, "wait_seconds": 3, "worker": "me"}
    assert len(service.asked) == 1


def test_popped_tasks_are_json_when_asked_for(environment):
    assert json.loads(typed("pop", "mail", "--json", environment=environment).stdout) == [a_popped_task()]


def test_an_empty_queue_is_exit_code_1(service, environment):
    service.on(POP, Answer(204))
    result = typed("pop", "mail", "--ack", environment=environment)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "there is no task\n")
    result = typed("pop", "mail", "--json", environment=environment)
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])


def test_popped_tasks_are_acked_at_once_when_asked_for(service, environment):
    assert typed("pop", "mail", "--ack", environment=environment).exit_code == 0
    acks = [{"id": TASK_ID, "lease_token": LEASE_TOKEN}]
    assert service.asked_for("POST /tasks/ack")[0].body == {"acks": acks}


def test_an_ack_that_was_refused_is_told_after_the_tasks(service, environment):
    lost = {"id": TASK_ID, "outcome": "lease_lost", "detail": "the lease is not in force"}
    service.on("POST /tasks/ack", ok({"results": [lost]}))
    result = typed("pop", "mail", "--ack", environment=environment)
    assert result.exit_code == 4
    assert TASK_ID in result.stdout
    assert result.stderr == f"Error: not all could be acked\n  {TASK_ID}: the lease is not in force\n"


def test_queues_are_listed_with_what_waits(environment):
    result = typed("queues", environment=environment)
    assert result.exit_code == 0
    title, mail, printing = result.stdout.splitlines()
    assert title.split() == ["queue", "pending", "running", "failed", "oldest", "last", "popped"]
    assert mail.split()[:6] == ["mail", "3", "1", "0", "9.5", "s"]
    assert printing.split() == ["print", "3", "1", "1,200", "9.5", "s", "never"]


def test_a_queue_that_nobody_looks_after_stands_out(service, environment, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    service.on("GET /queues", page(a_queue(), a_queue(name="print", unattended_since="2026-03-01T12:00:00Z")))
    environment = {**environment, "FORCE_COLOR": "1"}
    _, mail, printing = typed("queues", environment=environment).stdout.splitlines()
    assert "\x1b[1;31mprint" in printing
    assert "unattended" in printing
    assert "\x1b[1;31m" not in mail


def test_the_failed_tasks_of_a_queue_are_begun_afresh_until_none_is_left(service, environment):
    service.on(RETRY_FAILED, ok({"retried": 10_000, "more": True}), ok({"retried": 7, "more": False}))
    result = typed("queues", "retry-failed", "mail", environment=environment)
    assert (result.exit_code, result.stdout) == (0, "begun afresh: 10,007\n")
    service.on(RETRY_FAILED, ok({"retried": 0, "more": True}))
    result = typed("queues", "retry-failed", "mail", environment=environment)
    assert result.stdout == "begun afresh: 0, and there are more\n"


def test_tasks_are_listed_and_filtered_by_the_service(service, environment):
    result = typed("tasks", "--queue", "mail", "--state", "failed", "--limit", "7", environment=environment)
    assert result.exit_code == 0
    assert service.asked[0].query == "limit=7&queue=mail&state=failed"
    _, pending, failed = result.stdout.splitlines()
    assert pending.split()[:3] == [TASK_ID, "mail", "pending"]
    assert failed.split()[-5:] == ["2", "mailer-1", "out", "of", "paper"]


def test_a_task_is_shown_with_its_attempts_and_its_log(service, environment):
    task = a_failed_task(priority=5, timeout_seconds=9, dedup_key="k", schedule_id=3, run_id="r")
    service.on(SHOW, ok(task))
    shown = typed("tasks", "show", TASK_ID, environment=environment).stdout
    assert shown.startswith("task on mail: failed\n  out of paper\n")
    for line in (
        '  payload: {"to": "ada"}',
        "  worker: mailer-1",
        "  attempts: 2, at most 2 (1 failed, 1 expired)",
        "  priority: 5",
        "  time-out: 9 s",
        "  dedup key: k",
        "  schedule: 3",
        "  observes for run: r",
        "  2026-03-01T12:01:00Z #2 connected",
        "    sending",
    ):
        assert f"{line}\n" in shown
    first, second = (line.split() for line in shown.splitlines() if "mailer-1  " in line)
    assert first == ["1", "2026-03-01T12:00:00Z", "1", "min", "lease_expired", "mailer-1", "the", "lease", "expired"]
    assert second == ["2", "2026-03-01T12:00:00Z", "35", "ms", "failed", "mailer-1", "out", "of", "paper"]


def test_nothing_of_a_task_acts_on_the_terminal(service, environment):
    hostile = "\x1b[2J[bold]\u202e\nx"
    task = a_failed_task(
        queue=hostile, payload=hostile, error=hostile, worker=hostile, state=hostile, dedup_key=hostile, result=hostile
    )
    for each in task["attempts"]:
        each.update(worker=hostile, error=hostile, outcome=hostile, started_at=hostile)
    for each in task["logs"]:
        each.update(message=hostile, logged_at=hostile)
    service.on("GET /tasks", page(task))
    service.on(SHOW, ok(task))
    service.on("GET /queues", page(a_queue(name=hostile, last_popped_at=hostile)))
    service.on(POP, ok({"tasks": [a_popped_task(payload=hostile, lease_token=hostile, lease_expires_at=hostile)]}))
    for command in (["tasks"], ["tasks", "show", TASK_ID], ["queues"], ["pop", "mail"]):
        result = typed(*command, environment=environment)
        assert result.exit_code == 0
        assert not set(result.stdout) & {"\x1b", "\u202e"}
        assert r"\x1b[2J[bold]" in result.stdout


def test_lists_and_tasks_are_json_when_asked_for(environment):
    assert len(json.loads(typed("tasks", "--json", environment=environment).stdout)) == 2
    assert json.loads(typed("tasks", "show", TASK_ID, "--json", environment=environment).stdout) == a_failed_task()
    assert len(json.loads(typed("queues", "--json", environment=environment).stdout)) == 2
    assert json.loads(typed("push", "mail", "--json", environment=environment).stdout)["id"] == TASK_ID


def test_a_task_is_canceled_and_retried(service, environment):
    assert typed("tasks", "cancel", TASK_ID, environment=environment).stdout == f"canceled: {TASK_ID}\n"
    service.on(CANCEL, ok(a_task(state="running", cancel_requested=True)))
    expected = f"running, and asked to be given up: {TASK_ID}\n"
    assert typed("tasks", "cancel", TASK_ID, environment=environment).stdout == expected
    service.on(RETRY, LOST, ok(a_task()))
    assert typed("tasks", "retry", TASK_ID, environment=environment).stdout == f"pending: {TASK_ID}\n"


def test_a_popped_task_is_acked_and_failed_by_hand(service, environment):
    acked = typed("tasks", "ack", TASK_ID, LEASE_TOKEN, "--result", "[1]", environment=environment)
    assert acked.stdout == f"succeeded: {TASK_ID}\n"
    failed = typed(
        "tasks", "fail", TASK_ID, LEASE_TOKEN, "no paper", "--no-retry", "--delay", "2", environment=environment
    )
    assert failed.stdout == f"failed: {TASK_ID}\n"
    token = {"lease_token": LEASE_TOKEN}
    assert [each.body for each in service.asked] == [
        {**token, "result": [1]},
        {**token, "error": "no paper", "retry": False, "delay_seconds": 2.0},
    ]


def test_a_lost_lease_is_told(service, environment):
    service.on(ACK, problem(409, "the lease is not in force"))
    result = typed("tasks", "ack", TASK_ID, LEASE_TOKEN, environment=environment)
    assert (result.exit_code, result.stderr) == (4, "Error: the lease is not in force\n")
