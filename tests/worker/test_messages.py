"""What webhooks are sent: our message, or that of the system whose client made the webhook."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.database import Cursor
from shared.domain.webhook_formats import AUTOMATED_QA, ROUNDSMAN
from shared.store.events import NewEvent, record
from tests import store_fixtures
from tests.factories import a_webhook, an_account
from worker.messages import message
from worker.store.webhooks import Endpoint, Event

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there

RUN = {"run_id": "r", "checklist_id": 7, "schedule_id": 3, "trigger": "schedule"}
SUMMARY = {"match": 1, "miss": 2, "new": 3, "obsolete": 4}


def sent(written_in: str, event_type: str, data: dict[str, Any]) -> Any:
    event = Event(uuid4(), event_type, data, datetime(2026, 3, 1, tzinfo=UTC))
    return message(Endpoint(5, "http://127.0.0.1:9/", True, written_in, ()), event)


def test_automated_qa_is_told_of_a_start_and_of_an_end_with_its_counts() -> None:
    told = {"checklistId": 7, "scheduleId": 3, "webhookId": 5}
    assert sent(AUTOMATED_QA, "run.started", RUN) == told | {"eventType": "SCHEDULED_CHECKLIST_START"}
    assert sent(AUTOMATED_QA, "run.finished", RUN | {"summary": SUMMARY}) == told | {
        "eventType": "SCHEDULED_CHECKLIST_END",
        "results": {"match": 1, "miss": 2, "new": 3},
    }


@pytest.mark.parametrize(
    ("written_in", "event_type"),
    [(ROUNDSMAN, "run.finished"), (AUTOMATED_QA, "webhook.test"), (ROUNDSMAN, "job.failed")],
)
def test_all_else_is_told_in_our_own_words(written_in: str, event_type: str) -> None:
    expected = {"type": event_type, "timestamp": "2026-03-01T00:00:00Z", "data": {"a": 1}}
    assert sent(written_in, event_type, {"a": 1}) == expected


@pytest.mark.parametrize(
    ("data", "deliveries"),
    [({"trigger": "schedule"}, 2), ({"trigger": "manual"}, 1), ({"trigger": "api"}, 1), ({"job_id": "j"}, 2)],
)
def test_other_systems_are_told_of_runs_only_if_a_schedule_began_them(
    cursor: Cursor, data: dict[str, Any], deliveries: int
) -> None:
    account = an_account(cursor)
    for written_in in (ROUNDSMAN, AUTOMATED_QA):
        a_webhook(cursor, account, format=written_in)
    assert len(record(cursor, [NewEvent(account, "run.finished", data)], delivery_attempts=1)) == deliveries
