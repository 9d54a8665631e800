"""Schedules through the API: what is taken, where they begin, what a replacement changes, and how they are listed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.schemas.schedules import ScheduleInput
from shared.database import Database
from tests.api_client import ApiClient, pages, problem
from tests.factories import an_occurrence

HISTORY = {"last_run_at": None, "last": None, "last_success": None, "last_failure": None}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seconds_from_now(text: str) -> float:
    return (instant(text) - datetime.now(UTC)).total_seconds()


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def set_columns(database: Database, schedule: Any, **columns: Any) -> None:
    """Put the row where only time, or a scheduler, would."""
    assignments = ", ".join(f"{name} = %({name})s" for name in columns)
    with database.reading() as cursor:
        cursor.execute(f"UPDATE schedules SET {assignments} WHERE id = %(id)s", columns | {"id": schedule["id"]})  # noqa: S608 (the names are this file's)


def test_a_schedule_is_created_read_and_listed_as_it_was_written(fresh: ApiClient) -> None:
    given = {
        "name": "mornings",
        "cron": "30 9 * * mon-fri",
        "timezone": "Europe/Berlin",
        "checklist_id": fresh.make_checklist()["id"],
        "variables": {"user": "ada"},
        "paused": False,
        "note": "n",
        "starts_at": "2090-06-01T00:00:00Z",
        "ends_at": "2091-06-01T00:00:00.5Z",
        "max_occurrences": 3,
        "jitter_seconds": 5,
        "overlap": "queue_one",
        "catchup_window_seconds": 0,
        "coalesce": "all",
        "pause_on_failure": True,
        "pause_on_change": True,
    }
    answer = fresh.post("/schedules", given)
    assert answer.status_code == 201
    created = answer.json
    assert answer.headers["Location"] == f"/schedules/{created['id']}"
    assert created == given | HISTORY | {
        "id": created["id"],
        "sentence": "At 09:30, Monday through Friday, in Europe/Berlin",
        "interval_seconds": None,
        "run_at": None,
        "minute": None,
        "recurring": None,
        "uri": None,
        "method": None,
        "headers": None,
        "error_uri": None,
        "timeout_seconds": None,
        "max_attempts": None,
        "backoff_seconds": None,
        "queue": None,
        "priority": None,
        "ends_at": "2091-06-01T00:00:00.500000Z",
        "state": "active",
        "skip_next": False,
        "next_run_at": "2090-06-01T07:30:00Z",
        "upcoming": ["2090-06-01T07:30:00Z", "2090-06-02T07:30:00Z", "2090-06-05T07:30:00Z"],
        "counters": {"fired": 0, "skipped": 0, "missed": 0},
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert fresh.get(answer.headers["Location"]).json == created
    assert fresh.get("/schedules").json == {"data": [created], "next_cursor": None}


def test_what_is_left_out_has_its_default(fresh: ApiClient) -> None:
    created = fresh.make_schedule(cron="@hourly")
    defaults = {
        "name": None,
        "timezone": "UTC",
        "variables": {},
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
    }
    assert created | defaults == created
    assert len(created["upcoming"]) == 5
    assert created["upcoming"][0] == created["next_run_at"]
    assert 0 < seconds_from_now(created["next_run_at"]) <= 3600


def test_the_documented_example_is_accepted(fresh: ApiClient) -> None:
    fresh.make("/schedules", ScheduleInput.example | {"checklist_id": fresh.make_checklist()["id"]})


def test_an_interval_begins_one_interval_after_the_creation(fresh: ApiClient) -> None:
    created = fresh.make_schedule(interval_seconds=60)
    first = instant(created["next_run_at"])
    assert timedelta(0) <= first - instant(created["created_at"]) - timedelta(seconds=60) < timedelta(seconds=5)
    assert [instant(each) - first for each in created["upcoming"]] == [timedelta(minutes=n) for n in range(5)]


def test_an_interval_with_a_beginning_is_counted_from_there(fresh: ApiClient) -> None:
    later = fresh.make_schedule(interval_seconds=60, starts_at="2090-01-01T00:00:07Z")
    assert later["next_run_at"] == "2090-01-01T00:00:07Z"
    earlier = fresh.make_schedule(interval_seconds=3600, starts_at="2020-01-01T00:00:07Z")
    assert earlier["next_run_at"].endswith(":00:07Z")
    assert 0 <= seconds_from_now(earlier["next_run_at"]) <= 3600


@pytest.mark.parametrize(
    ("when", "next_run_at", "recurring"),
    [
        ({"run_at": "2090-01-01T00:00:00+02:00"}, "2089-12-31T22:00:00Z", None),
        ({"run_at": "2020-01-01T00:00:00Z"}, "2020-01-01T00:00:00Z", None),
        ({"minute": 63_072_000}, "2089-12-02T00:00:00Z", "none"),
        ({"minute": 0, "recurring": "none"}, "1970-01-01T00:00:00Z", "none"),
    ],
)
def test_what_is_due_once_begins_there_even_if_that_is_past(
    fresh: ApiClient, when: dict[str, Any], next_run_at: str, recurring: str | None
) -> None:
    created = fresh.make_schedule(**when)
    assert (created["state"], created["next_run_at"], created["recurring"]) == ("active", next_run_at, recurring)
    assert created["upcoming"] == [next_run_at]
    assert created["sentence"].startswith("Once, on ")


def test_a_minute_that_comes_back_begins_with_the_next_one(fresh: ApiClient) -> None:
    for recurring, days in (("daily", 1), ("weekly", 7)):
        created = fresh.make_schedule(minute=29_000_061, recurring=recurring)
        assert 0 < seconds_from_now(created["next_run_at"]) <= days * 86_400
        first, second, *_ = created["upcoming"]
        assert instant(second) - instant(first) == timedelta(days=days)


def test_without_any_instant_it_is_finished_from_the_beginning(fresh: ApiClient) -> None:
    created = fresh.make_schedule(cron="@yearly", ends_at="2020-01-01T00:00:00Z", paused=True)
    assert (created["state"], created["next_run_at"], created["upcoming"]) == ("finished", None, [])


def test_it_may_sleep_from_the_beginning(fresh: ApiClient) -> None:
    created = fresh.make_schedule(paused=True, note="not yet")
    assert (created["state"], created["paused"], created["note"]) == ("paused", True, "not yet")
    assert (created["next_run_at"], created["upcoming"]) == (None, [])


def test_the_same_name_is_taken_once(fresh: ApiClient) -> None:
    one, other = fresh.make_schedule(name="one"), fresh.make_schedule(name="two")
    body = {"cron": "@daily", "checklist_id": one["checklist_id"], "name": "one"}
    problem(fresh.post("/schedules", body), 409)
    problem(fresh.put(f"/schedules/{other['id']}", body), 409)
    assert fresh.put(f"/schedules/{one['id']}", body).status_code == 200
    fresh.make_schedule()
    fresh.make_schedule()
    assert [each["name"] for each in pages(fresh, "/schedules", 10)] == ["one", "two", None, None]


def test_a_creation_repeated_with_its_key_is_one_creation(fresh: ApiClient) -> None:
    body = {"interval_seconds": 60, "checklist_id": fresh.make_checklist()["id"]}
    first = fresh.post("/schedules", body, headers={"Idempotency-Key": "once"})
    again = fresh.post("/schedules", body, headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    assert len(pages(fresh, "/schedules", 10)) == 1


def test_the_checklist_must_be_the_accounts_own(fresh: ApiClient, api: ApiClient) -> None:
    mine, theirs = fresh.make_schedule(), api.make_checklist()
    for checklist_id in (theirs["id"], 999_999_999):
        body = {"cron": "@daily", "checklist_id": checklist_id}
        for answer in (fresh.post("/schedules", body), fresh.put(f"/schedules/{mine['id']}", body)):
            assert problem(answer, 404)["errors"] == [
                {"pointer": "/checklist_id", "detail": "there is no such checklist in this account"}
            ]
    assert pages(fresh, "/schedules", 10) == [mine]


def test_a_replacement_with_the_same_rhythm_goes_on_as_it_was(fresh: ApiClient, database: Database) -> None:
    before = fresh.make_schedule(interval_seconds=600, name="n", note="old")
    due = datetime.now(UTC) - timedelta(seconds=30)  # not yet told of by any scheduler
    set_columns(database, before, next_run_at=due, anchor=due, fired=3, skip_next=True)
    body = {"interval_seconds": 600, "checklist_id": before["checklist_id"], "overlap": "allow"}
    after = fresh.put(f"/schedules/{before['id']}", body).json
    assert (after["name"], after["note"], after["overlap"], after["counters"]["fired"]) == (None, None, "allow", 3)
    assert (after["next_run_at"], after["skip_next"]) == (written(due), True)
    assert after["upcoming"][1] == written(due + timedelta(seconds=600))
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(
    "when",
    [
        {"cron": "*/5 * * * *"},
        {"cron": "@hourly", "timezone": "Asia/Kolkata"},
        {"interval_seconds": 60},
        {"interval_seconds": 3600},
    ],
)
def test_another_rhythm_begins_now(fresh: ApiClient, database: Database, when: dict[str, Any]) -> None:
    before = fresh.make_schedule(cron="@hourly")
    set_columns(database, before, next_run_at=datetime(2026, 3, 1, tzinfo=UTC), fired=2, missed=1, skip_next=True)
    after = fresh.put(f"/schedules/{before['id']}", {"checklist_id": before["checklist_id"], **when}).json
    assert 0 < seconds_from_now(after["next_run_at"]) <= 3600
    assert after["counters"] == {"fired": 2, "skipped": 0, "missed": 1}
    assert after["skip_next"] is False  # it was asked for an instant that is no more


def test_other_bounds_keep_the_rhythm(fresh: ApiClient) -> None:
    before = fresh.make_schedule(interval_seconds=600)
    body = {"interval_seconds": 600, "checklist_id": before["checklist_id"]}
    first = before["next_run_at"]
    ended = fresh.put(f"/schedules/{before['id']}", body | {"ends_at": "2020-01-01T00:00:00Z"}).json
    assert (ended["state"], ended["next_run_at"]) == ("finished", None)
    extended = fresh.put(f"/schedules/{before['id']}", body | {"ends_at": "2090-01-01T00:00:00Z"}).json
    assert (extended["state"], extended["next_run_at"]) == ("active", first)


def test_a_limit_that_is_reached_ends_it_and_a_higher_one_lets_it_go_on(fresh: ApiClient, database: Database) -> None:
    before = fresh.make_schedule()
    set_columns(database, before, fired=2)
    body = {"cron": "@daily", "checklist_id": before["checklist_id"]}
    states = [fresh.put(f"/schedules/{before['id']}", body | {"max_occurrences": limit}).json for limit in (2, 1, 4)]
    assert [each["state"] for each in states] == ["finished", "finished", "active"]
    assert len(states[-1]["upcoming"]) == 2


def test_a_replacement_sleeps_or_wakes_as_it_says(fresh: ApiClient) -> None:
    before = fresh.make_schedule()
    body = {"cron": "@daily", "checklist_id": before["checklist_id"]}
    asleep = fresh.put(f"/schedules/{before['id']}", body | {"paused": True, "note": "why"}).json
    assert (asleep["state"], asleep["note"], asleep["next_run_at"]) == ("paused", "why", None)
    awake = fresh.put(f"/schedules/{before['id']}", body).json
    assert (awake["state"], awake["next_run_at"]) == ("active", before["next_run_at"])


def test_a_row_that_cannot_be_computed_any_more_is_still_shown(fresh: ApiClient, database: Database) -> None:
    schedule = fresh.make_schedule(timezone="Europe/Berlin")
    set_columns(database, schedule, timezone="Mars/Olympus", state="invalid", note="there is no such zone")
    shown = fresh.get(f"/schedules/{schedule['id']}").json
    assert (shown["state"], shown["sentence"], shown["upcoming"]) == ("invalid", None, [])
    mended = fresh.put(
        f"/schedules/{schedule['id']}", {"cron": "@daily", "checklist_id": schedule["checklist_id"]}
    ).json
    assert (mended["state"], mended["timezone"]) == ("active", "UTC")


def test_a_deleted_schedule_is_gone_and_what_it_has_begun_stays(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule()
    run = fresh.post(f"/schedules/{schedule['id']}/trigger").json
    answer = fresh.delete(f"/schedules/{schedule['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    for path in ("", "/occurrences"):
        problem(fresh.get(f"/schedules/{schedule['id']}{path}"), 404)
    problem(fresh.delete(f"/schedules/{schedule['id']}"), 404)
    left = fresh.get(f"/runs/{run['id']}").json
    assert (left["state"], left["schedule_id"]) == ("pending", None)


def test_the_schedules_of_a_checklist_go_with_it(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule()
    fresh.delete(f"/checklists/{schedule['checklist_id']}")
    problem(fresh.get(f"/schedules/{schedule['id']}"), 404)


def test_pages_are_by_id_and_stable_under_inserts(fresh: ApiClient) -> None:
    made = [fresh.make_schedule()["id"] for _ in range(4)]
    first = fresh.get("/schedules?limit=3").json
    made.append(fresh.make_schedule()["id"])
    second = fresh.get(f"/schedules?limit=3&cursor={first['next_cursor']}").json
    assert [each["id"] for each in first["data"] + second["data"]] == made


def test_schedules_are_listed_by_name_checklist_and_state(fresh: ApiClient) -> None:
    one, other = fresh.make_schedule(name="a&b é"), fresh.make_schedule(paused=True)

    def listed(**query: Any) -> list[int]:
        return [each["id"] for each in pages(fresh, "/schedules", 10, **query)]

    assert listed(name="a&b é") == listed(checklist_id=one["checklist_id"]) == listed(state="active") == [one["id"]]
    assert listed(state="paused") == [other["id"]]
    assert listed(state="finished") == listed(name="none") == listed(checklist_id=2**53) == []


def test_occurrences_are_listed_newest_first_with_what_became_of_them(fresh: ApiClient, database: Database) -> None:
    schedule = fresh.make_schedule()
    run = fresh.post(f"/schedules/{schedule['id']}/trigger").json
    start = datetime(2026, 3, 1, tzinfo=UTC)
    with database.reading() as cursor:
        for day in range(5):
            an_occurrence(cursor, schedule["id"], start + timedelta(days=day, microseconds=day))
        fired = start + timedelta(days=9)
        an_occurrence(cursor, schedule["id"], fired, outcome="fired", reason=None, work_id=run["id"])
    path = f"/schedules/{schedule['id']}/occurrences"
    rows = pages(fresh, path, 2)
    assert rows[0] == {
        "scheduled_for": "2026-03-10T00:00:00Z",
        "outcome": "fired",
        "reason": None,
        "kind": "run",
        "work_id": run["id"],
    }
    assert [row["scheduled_for"][:10] for row in rows[1:]] == [f"2026-03-0{day}" for day in (5, 4, 3, 2, 1)]
    assert {(row["outcome"], row["reason"]) for row in rows[1:]} == {("missed", "outside the catch-up window")}
    assert pages(fresh, path, 10, outcome="fired") == rows[:1]
    assert pages(fresh, path, 10, outcome="skipped") == []


@pytest.mark.parametrize("cursor", ["NDE", "MjAyNi0wMy0wMQ", "MjAyNi0wMy0wMVQwMDowMDowMA", "eA"])
def test_a_cursor_that_is_no_instant_is_refused(fresh: ApiClient, cursor: str) -> None:
    schedule = fresh.make_schedule()
    refused = problem(fresh.get(f"/schedules/{schedule['id']}/occurrences?cursor={cursor}"), 422)
    assert [error["pointer"] for error in refused["errors"]] == ["/cursor"]
