"""`roundsman jobs`: the list, one with its attempts, and what is done to one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.outbound_objects import JOB_ID, a_failed_job, a_job, a_pending_job
from tests.roundsman.stub_service import Answer, StubService, ok, page, problem

CREATE = "POST /jobs"
URI = "http://127.0.0.1:9/remind"


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        "GET /jobs": page(a_pending_job(execute_at="2026-03-01T12:00:00.5Z"), a_failed_job()),
        f"GET /jobs/{JOB_ID}": ok(a_failed_job()),
        CREATE: Answer(201, a_pending_job()),
        f"POST /jobs/{JOB_ID}/cancel": ok(a_pending_job(state="canceled")),
        f"POST /jobs/{JOB_ID}/retry": ok(a_pending_job()),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_jobs_are_listed_with_what_when_how_often_and_why_not(environment):
    result = typed("jobs", environment=environment)
    assert result.exit_code == 0
    _, pending, failed = result.stdout.splitlines()
    assert pending.split()[:5] == [JOB_ID, "pending", "POST", URI, "2026-03-01T12:00:00Z"]
    assert pending.split()[-1] == "0"
    assert failed.split()[-4:] == ["2", "503", "Service", "Unavailable"]


def test_a_long_uri_is_shortened_to_its_begin_and_its_end(service, environment):
    service.on("GET /jobs", page(a_job(uri=f"https://example.com/{'a' * 500}/remind")))
    line = typed("jobs", environment=environment).stdout.splitlines()[1]
    assert "POST https://example.com/aaaa" in line
    assert "a…a" in line
    assert "aaaa/remind" in line


def test_the_list_is_filtered_by_the_service(service, environment):
    assert typed("jobs", "--state", "failed", "--limit", "7", environment=environment).exit_code == 0
    assert service.asked_for("GET /jobs")[0].query == "limit=7&state=failed"


def test_a_job_is_shown_with_its_attempts_and_the_delays_between_them(environment):
    result = typed("jobs", "show", JOB_ID, environment=environment)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"POST {URI}: failed\n  503 Service Unavailable\n")
    assert '  payload: {"who": "ada"}\n' in result.stdout
    assert "  attempts: 2, at most 4\n" in result.stdout
    first, second = (line.split() for line in result.stdout.splitlines()[-2:])
    assert first == ["1", "2026-03-01T12:00:00Z", "35", "ms", "failed", "503", "503", "Service", "Unavailable"]
    assert second[:7] == ["2", "2026-03-01T12:00:10.035000Z", "10.0", "s", "2.0", "s", "failed"]


def test_everything_else_there_is_to_know_of_a_job_is_shown_too(service, environment):
    job = a_pending_job(
        headers={"X-Who": "ada"},
        schedule_id=7,
        error_uri="http://127.0.0.1:9/oops",
        error_job_id="told-by",
        error_of="failed-one",
        next_attempt_at=(datetime.now(UTC) + timedelta(seconds=90, milliseconds=400)).isoformat(),
    )
    del job["payload"]
    service.on(f"GET /jobs/{JOB_ID}", ok(job))
    shown = typed("jobs", "show", JOB_ID, environment=environment).stdout
    for line in (
        '  headers: {"X-Who": "ada"}',
        "  schedule: 7",
        "  error uri: http://127.0.0.1:9/oops, told by job told-by",
        "  tells of the failure of: job failed-one",
    ):
        assert f"{line}\n" in shown
    assert "(in 1 min 30 s)\n" in shown
    assert "payload" not in shown


def test_nothing_of_a_job_acts_on_the_terminal(service, environment):
    hostile = "\x1b[2J[bold]\u202e\nx"
    attempts = a_failed_job()["attempts"]
    attempts[0].update(error=None, response_excerpt=hostile, outcome=hostile, started_at=hostile)
    job = a_failed_job(uri=hostile, error=hostile, payload=hostile, state=hostile, execute_at=hostile)
    service.on("GET /jobs", page(job))
    service.on(f"GET /jobs/{JOB_ID}", ok({**job, "attempts": attempts, "headers": {hostile: hostile}}))
    for command in ([], ["show", JOB_ID]):
        result = typed("jobs", *command, environment=environment)
        assert result.exit_code == 0
        assert not set(result.stdout) & {"\x1b", "\u202e"}
        assert r"\x1b[2J[bold]" in result.stdout


def test_lists_and_jobs_are_json_when_asked_for(environment):
    assert len(json.loads(typed("jobs", "--json", environment=environment).stdout)) == 2
    assert json.loads(typed("jobs", "show", JOB_ID, "--json", environment=environment).stdout) == a_failed_job()
    assert json.loads(typed("jobs", "create", URI, "--json", environment=environment).stdout) == a_pending_job()


def test_a_job_of_a_uri_alone_says_nothing_else(service, environment):
    result = typed("jobs", "create", URI, environment=environment)
    assert (result.exit_code, result.stdout) == (0, f"created: {JOB_ID}\n")
    (asked,) = service.asked_for(CREATE)
    assert asked.body == {"uri": URI}
    assert asked.headers["idempotency-key"]
    assert "prefer" not in asked.headers


def test_all_that_is_typed_for_a_job_reaches_the_service(service, environment):
    options = ["--payload", '{"who": ["ada", null, 1.5]}', "--at", "2026-03-01T12:00:00Z", "--method", "put"]
    headers = ["--header", "X-Who: ada: b", "--header", "X-Empty:"]
    result = typed("jobs", "create", URI, *options, *headers, "--error-uri", "http://x/", environment=environment)
    assert result.exit_code == 0
    assert service.asked_for(CREATE)[0].body == {
        "uri": URI,
        "payload": {"who": ["ada", None, 1.5]},
        "execute_at": "2026-03-01T12:00:00Z",
        "method": "PUT",
        "headers": {"X-Who": "ada: b", "X-Empty": ""},
        "error_uri": "http://x/",
    }


def test_a_payload_of_null_is_not_the_same_as_none(service, environment):
    typed("jobs", "create", URI, "--payload", "null", "--delay", "1.5", environment=environment)
    assert service.asked_for(CREATE)[0].body == {"uri": URI, "payload": None, "delay_seconds": 1.5}


def test_a_payload_comes_from_a_file_or_from_standard_input_too(service, environment, tmp_path):
    file = tmp_path / "payload.json"
    file.write_text('{"who": "été"}')
    typed("jobs", "create", URI, "--payload", f"@{file}", environment=environment)
    typed("jobs", "create", URI, "--payload", "@-", environment=environment, standard_input="[7]")
    assert [each.body["payload"] for each in service.asked_for(CREATE)] == [{"who": "été"}, [7]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--payload", "{"], "'{' is not JSON: Expecting property name"),
        (["--payload", "NaN"], "'NaN' is not JSON"),
        (["--payload", "1e999"], "'1e999' is not JSON"),
        (["--payload", "[" * 5_000], "is not JSON"),
        (["--payload", "@/nowhere/at all"], "the file '/nowhere/at all' cannot be read: No such file or directory"),
        (["--payload", "@."], "the file '.' cannot be read"),
        (["--payload", "@/dev/zero"], "is larger than 1048576 bytes"),
        (["--delay", "-1"], "'-1' is no number of seconds from 0"),
        (["--delay", "nan"], "'nan' is no number of seconds from 0"),
        (["--delay", "1e999"], "'1e999' is no number of seconds from 0"),
        (["--delay", "soon"], "'soon' is no number of seconds from 0"),
        (["--at", "2026-03-01T12:00:00Z", "--delay", "5"], "give at most one of --at and --delay"),
        (["--header", "X-Who"], "'X-Who' is not 'NAME: VALUE'"),
        (["--header", ": ada"], "': ada' is not 'NAME: VALUE'"),
        (["--header", "X-Who: a", "--header", "x-who: b"], "'x-who' is given twice"),
        (["--method", "DANCE"], "'DANCE' is not one of"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(service, environment, arguments, sentence):
    result = typed("jobs", "create", URI, *arguments, environment=environment)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert service.asked == []


@pytest.mark.parametrize("arguments", [["--state", "done"], ["show", "7"], ["create"], ["cancel", "../x"], ["dance"]])
def test_a_command_that_cannot_be_meant_is_one_too(service, environment, arguments):
    assert typed("jobs", *arguments, environment=environment).exit_code == 2
    assert service.asked == []


def test_what_the_service_does_not_accept_is_told_with_its_place(service, environment):
    service.on(CREATE, problem(422, "the input is not valid", ("/execute_at", "must be a time in RFC 3339")))
    result = typed("jobs", "create", URI, "--at", "soon", environment=environment)
    expected = "Error: the input is not valid\n  /execute_at: must be a time in RFC 3339\n"
    assert (result.exit_code, result.stderr) == (4, expected)


def test_a_job_that_is_waited_for_is_printed_when_it_has_ended(service, environment):
    service.on(CREATE, Answer(201, a_pending_job(execute_at=datetime.now(UTC).isoformat())))
    service.on(f"GET /jobs/{JOB_ID}", ok(a_pending_job()), ok(a_job()))
    result = typed("jobs", "create", URI, "--wait", environment=environment)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"POST {URI}: succeeded\n")
    assert service.asked_for(CREATE)[0].headers["prefer"] == "wait=2"
    assert len(service.asked_for(f"GET /jobs/{JOB_ID}")) == 2


def test_a_job_that_ended_within_the_first_answer_is_not_asked_for_again(service, environment):
    service.on(CREATE, ok(a_failed_job()))
    result = typed("jobs", "create", URI, "--wait", environment=environment)
    assert result.exit_code == 1
    assert "503 Service Unavailable" in result.stdout
    assert service.asked_for(f"GET /jobs/{JOB_ID}") == []


def test_a_wait_has_an_end(service, environment, monkeypatch):
    monkeypatch.setattr("roundsman.commands.jobs.longest_seconds", lambda *_: 0.0)
    service.on(f"GET /jobs/{JOB_ID}", ok(a_pending_job()))
    result = typed("jobs", "create", URI, "--wait", environment=environment)
    assert result.exit_code == 3
    told = f"Error: the job is still pending; `roundsman jobs show {JOB_ID}` tells what came of it\n"
    assert result.stderr == told


def test_who_stops_waiting_is_told_that_the_job_goes_on(environment, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("roundsman.resources.jobs.Jobs.wait", interrupted)
    result = typed("jobs", "create", URI, "--wait", environment=environment)
    assert result.exit_code == 130
    assert f"the job goes on: `roundsman jobs show {JOB_ID}`" in result.stderr


def test_a_job_is_canceled_and_retried(service, environment):
    assert typed("jobs", "cancel", JOB_ID, environment=environment).stdout == f"canceled: {JOB_ID}\n"
    assert typed("jobs", "retry", JOB_ID, environment=environment).stdout == f"pending: {JOB_ID}\n"
    assert service.asked_for(f"POST /jobs/{JOB_ID}/retry")[0].headers["idempotency-key"]


def test_what_has_ended_cannot_be_canceled(service, environment):
    service.on(f"POST /jobs/{JOB_ID}/cancel", problem(409, "the job has ended"))
    result = typed("jobs", "cancel", JOB_ID, environment=environment)
    assert (result.exit_code, result.stderr) == (4, "Error: the job has ended\n")
