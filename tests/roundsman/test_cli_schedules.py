"""`roundsman schedules`: the list, one with its occurrences, and a preview."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import RUN_ID, StubService, a_checklist, ok, page, problem


def in_seconds(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds, milliseconds=400)).isoformat().replace("+00:00", "Z")


def a_schedule(**fields: Any) -> dict[str, Any]:
    """An active schedule that has fired three times, if not told otherwise."""
    upcoming = [in_seconds(7_500), in_seconds(93_900)]
    return {
        "id": 7,
        "name": "mornings",
        "sentence": "At 09:30, in Europe/Berlin",
        "cron": "30 9 * * *",
        "timezone": "Europe/Berlin",
        "interval_seconds": None,
        "run_at": None,
        "minute": None,
        "recurring": None,
        "checklist_id": 3,
        "variables": {},
        "uri": None,
        "queue": None,
        "priority": None,
        "paused": False,
        "note": None,
        "starts_at": None,
        "ends_at": None,
        "max_occurrences": None,
        "jitter_seconds": 0,
        "overlap": "skip",
        "catchup_window_seconds": 3600,
        "coalesce": "latest",
        "pause_on_failure": False,
        "pause_on_change": False,
        "state": "active",
        "skip_next": False,
        "next_run_at": upcoming[0],
        "upcoming": upcoming,
        "last_run_at": "2026-03-01T08:30:00Z",
        "last": {"id": RUN_ID, "kind": "run", "at": "2026-03-01T08:30:00Z", "state": "succeeded", "outcome": "changed"},
        "last_success": None,
        "last_failure": None,
        "counters": {"fired": 3, "skipped": 0, "missed": 1},
        "created_at": "2026-02-01T12:00:00Z",
        "updated_at": "2026-02-01T12:00:00Z",
        **fields,
    }


def an_occurrence(**fields: Any) -> dict[str, Any]:
    usual = {"scheduled_for": "2026-03-01T08:30:00Z", "outcome": "fired", "reason": None}
    return {**usual, "kind": "run", "work_id": RUN_ID, **fields}


PREVIEW = {
    "sentence": "At 09:30, in Europe/Berlin",
    "instants": [{"utc": "2090-03-01T08:30:00Z", "local": "2090-03-01T09:30:00+01:00"}],
    "timezone": "Europe/Berlin",
}


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        "GET /schedules": page(a_schedule()),
        "GET /schedules/7": ok(a_schedule()),
        "GET /schedules/7/occurrences": page(
            an_occurrence(), an_occurrence(outcome="missed", reason="coalesced", work_id=None)
        ),
        "GET /checklists": page(a_checklist()),
        "POST /schedules/preview": ok(PREVIEW),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_schedules_are_listed_in_words_with_what_comes_next_and_what_came_last(environment):
    result = typed("schedules", environment=environment)
    assert result.exit_code == 0
    _, line = result.stdout.splitlines()
    for part in ("7  ", "mornings", "At 09:30, in Europe/Berlin", "Z (in 2 h 5 min)", "changed 2026-03-01T08:30:00Z"):
        assert part in line
    assert line.rstrip().endswith("3 fired, 1 missed  active")


def test_a_schedule_that_sleeps_has_no_next(service, environment):
    sleeping = a_schedule(name=None, state="paused", next_run_at=None, upcoming=[], last=None, sentence=None)
    service.on("GET /schedules", page(sleeping))
    _, line = typed("schedules", environment=environment).stdout.splitlines()
    assert line.split() == ["7", "no", "one", "can", "tell", "when", "3", "fired,", "1", "missed", "paused"]


def test_nothing_of_a_schedule_acts_on_the_terminal(service, environment):
    hostile = "\x1b[2J[bold]\u202e\nx"
    service.on("GET /schedules", page(a_schedule(name=hostile, sentence=hostile, state=hostile, next_run_at=hostile)))
    service.on("GET /schedules/7", ok(a_schedule(name=hostile, note=hostile, upcoming=[hostile] * 2)))
    service.on("GET /schedules/7/occurrences", page(an_occurrence(reason=hostile, work_id=hostile, outcome=hostile)))
    service.on("POST /schedules/preview", ok({**PREVIEW, "timezone": hostile, "sentence": hostile}))
    for command in ([], ["show", "7"], ["preview", "--cron", "@daily"]):
        result = typed("schedules", *command, environment=environment)
        assert result.exit_code == 0
        assert not set(result.stdout) & {"\x1b", "\u202e"}
        assert r"\x1b[2J[bold]" in result.stdout


def test_the_list_is_filtered_by_the_service(service, environment):
    options = ["--checklist", "todo-api", "--state", "paused", "--limit", "7"]
    assert typed("schedules", *options, environment=environment).exit_code == 0
    assert service.asked_for("GET /schedules")[0].query == "limit=7&checklist_id=3&state=paused"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--state", "asleep"], ["--limit", "0"], ["preview"], ["show"], ["nothing"]),
        *(["preview", "--cron", "@daily", "--every", "5"], ["preview", "--every", "soon"]),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(service, environment, arguments):
    assert typed("schedules", *arguments, environment=environment).exit_code == 2
    assert service.asked == []


def test_a_schedule_is_shown_with_the_instants_behind_and_before_it(environment):
    result = typed("schedules", "show", "7", environment=environment)
    assert result.exit_code == 0
    assert result.stdout.startswith("mornings: active - At 09:30, in Europe/Berlin\n")
    assert "(in 2 h 5 min)" in result.stdout
    assert "(in 1 d 2 h)" in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["2026-03-01T08:30:00Z", "fired", "run", RUN_ID] in lines
    assert ["2026-03-01T08:30:00Z", "missed", "coalesced"] in lines


def test_a_note_and_an_instant_to_be_skipped_are_told(service, environment):
    service.on("GET /schedules/7", ok(a_schedule(note="until Monday", skip_next=True)))
    service.on("GET /schedules/7/occurrences", page())
    result = typed("schedules", "show", "7", environment=environment)
    assert "  until Monday\n" in result.stdout
    assert "(in 2 h 5 min), to be skipped\n" in result.stdout


def test_a_schedule_is_found_by_its_name(service, environment):
    assert typed("schedules", "show", "mornings", environment=environment).exit_code == 0
    assert service.asked_for("GET /schedules")[0].query == "limit=1&name=mornings"
    service.on("GET /schedules", page())
    result = typed("schedules", "show", "none", environment=environment)
    assert (result.exit_code, result.stderr) == (
        4,
        "Error: there is no schedule 'none'; `roundsman schedules` lists them\n",
    )


def test_a_preview_tells_the_instants_in_utc_and_in_the_zone(service, environment):
    command = ["schedules", "preview", "--cron", "30 9 * * *", "--timezone", "Europe/Berlin"]
    result = typed(*command, environment=environment)
    assert result.exit_code == 0
    sentence, titles, line = result.stdout.splitlines()
    assert sentence == PREVIEW["sentence"]
    assert titles.split() == ["in", "UTC", "Europe/Berlin"]
    assert line.split()[-2:] == ["2090-03-01T08:30:00Z", "2090-03-01T09:30:00+01:00"]
    assert service.asked[0].body == {"cron": "30 9 * * *", "timezone": "Europe/Berlin"}


def test_a_preview_of_nothing_says_so(service, environment):
    service.on("POST /schedules/preview", ok({**PREVIEW, "instants": []}))
    assert typed("schedules", "preview", "--every", "5", environment=environment).stdout.endswith("never again\n")
    assert service.asked[0].body == {"interval_seconds": 5}


def test_a_cron_that_is_none_is_told_with_the_place_of_its_fault(service, environment):
    service.on("POST /schedules/preview", problem(422, "the input is not valid", ("/cron", "wrong at character 3")))
    result = typed("schedules", "preview", "--cron", "*/0 * * * *", environment=environment)
    assert (result.exit_code, result.stderr) == (4, "Error: the input is not valid\n  /cron: wrong at character 3\n")


def test_all_of_it_is_json_when_asked_for(environment):
    def printed(*arguments: str) -> Any:
        return json.loads(typed("schedules", *arguments, "--json", environment=environment).stdout)

    assert [each["id"] for each in printed()] == [7]
    assert len(printed("show", "7")["occurrences"]) == 2
    assert printed("preview", "--cron", "@daily") == PREVIEW
