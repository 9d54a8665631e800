"""A preview: the next instants of a schedule that is not there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.database import Database
from tests.api_client import ApiClient
from tests.rows import row_counts


def preview(api: ApiClient, **body: Any) -> Any:
    answer = api.post("/schedules/preview", body)
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"sentence", "instants", "timezone"}
    return answer.json


def test_the_next_ten_instants_are_told_in_utc_and_in_the_zone(api: ApiClient) -> None:
    found = preview(api, cron="30 1 * * *", timezone="America/New_York", starts_at="2090-11-01T00:00:00Z")
    assert (found["sentence"], found["timezone"]) == ("At 01:30, in America/New_York", "America/New_York")
    assert len(found["instants"]) == 10
    # The clocks go back on the 5th: the first 01:30 of that night fires, the second does not.
    assert found["instants"][3:6] == [
        {"utc": "2090-11-04T05:30:00Z", "local": "2090-11-04T01:30:00-04:00"},
        {"utc": "2090-11-05T05:30:00Z", "local": "2090-11-05T01:30:00-04:00"},
        {"utc": "2090-11-06T06:30:00Z", "local": "2090-11-06T01:30:00-05:00"},
    ]


def test_a_time_that_does_not_exist_fires_right_after_the_gap(api: ApiClient) -> None:
    found = preview(api, cron="30 2 * * *", timezone="America/New_York", starts_at="2090-03-12T00:00:00-05:00")
    assert found["instants"][0] == {"utc": "2090-03-12T07:00:00Z", "local": "2090-03-12T03:00:00-04:00"}


@pytest.mark.parametrize(
    ("body", "sentence", "instants"),
    [
        (
            {"interval_seconds": 90, "starts_at": "2090-01-01T00:00:00Z", "ends_at": "2090-01-01T00:02:00Z"},
            "Every 90 seconds",
            ["2090-01-01T00:00:00Z", "2090-01-01T00:01:30Z"],
        ),
        ({"run_at": "2020-01-01T00:00:00Z"}, "Once, on 2020-01-01 at 00:00 UTC", ["2020-01-01T00:00:00Z"]),
        (
            {"minute": 63_072_000, "recurring": "weekly", "max_occurrences": 2},
            "Every week on Friday at 00:00 UTC, from 2089-12-02 on",
            ["2089-12-02T00:00:00Z", "2089-12-09T00:00:00Z"],
        ),
        ({"cron": "0 0 1 1 *", "ends_at": "2020-01-01T00:00:00Z"}, None, []),
    ],
)
def test_every_kind_of_when_is_previewed_within_its_bounds(
    api: ApiClient, body: dict[str, Any], sentence: str | None, instants: list[str]
) -> None:
    found = preview(api, **body)
    assert found["timezone"] == "UTC"
    assert [each["utc"] for each in found["instants"]] == instants
    assert all(each["local"] == each["utc"].replace("Z", "+00:00") for each in found["instants"])
    if sentence is not None:
        assert found["sentence"] == sentence


def test_an_interval_is_previewed_as_if_it_were_created_now(api: ApiClient) -> None:
    found = [datetime.fromisoformat(each["utc"]) for each in preview(api, interval_seconds=60)["instants"]]
    assert abs(found[0] - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=5)
    assert found[9] - found[0] == timedelta(minutes=9)


def test_six_fields_have_the_second_first(api: ApiClient) -> None:
    found = preview(api, cron="0 0 * * * *", starts_at="2090-01-01T00:00:00Z")["instants"]
    assert [each["utc"] for each in found[:2]] == ["2090-01-01T00:00:00Z", "2090-01-01T01:00:00Z"]


def test_a_preview_takes_the_body_of_a_creation_and_stores_nothing(fresh: ApiClient, database: Database) -> None:
    existing = fresh.make_schedule(name="taken")
    with database.reading() as cursor:
        before = row_counts(cursor)
        for what in ({"checklist_id": existing["checklist_id"]}, {"checklist_id": 999_999_999}, {}):
            assert len(preview(fresh, cron="@daily", name="taken", **what)["instants"]) == 10
        assert row_counts(cursor) == before


def test_what_is_previewed_is_what_is_then_created(fresh: ApiClient) -> None:
    body = {"cron": "0 12 * * MON#1", "timezone": "Pacific/Auckland", "checklist_id": fresh.make_checklist()["id"]}
    previewed = preview(fresh, **body)
    created = fresh.make("/schedules", body)
    assert created["upcoming"] == [each["utc"] for each in previewed["instants"][:5]]
    assert created["sentence"] == previewed["sentence"]
