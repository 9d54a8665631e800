"""Claiming for one worker: what there is room for, prepared in the transaction in which it was leased."""

import pytest

from shared.database import Cursor
from tests import claiming_worker, store_fixtures
from tests.claiming_worker import SilentPerformer, any_room, lanes_of, room_of, room_only_in, work_in_lanes
from tests.factories import a_job, a_webhook, an_account, some_work
from worker.claiming import Claimed, Claiming

claiming = claiming_worker.claiming
cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there


def test_nothing_due_claims_nothing(claiming: Claiming, cursor: Cursor) -> None:
    assert claiming.claim(room_of(10), any_room) == Claimed([], more_is_due=False)
    some_work(cursor, due_in_seconds=60)
    assert claiming.claim(room_of(10), any_room) == Claimed([], more_is_due=False)


def test_what_is_due_is_claimed_and_prepared_by_its_performer(claiming: Claiming, cursor: Cursor) -> None:
    job = a_job(cursor)
    claimed = claiming.claim(room_of(10), any_room)
    assert [piece.work.id for piece in claimed.pieces] == [str(job.id)]
    assert not claimed.more_is_due


def test_no_more_is_claimed_than_there_is_room_for_and_it_says_that_more_is_due(
    claiming: Claiming, cursor: Cursor
) -> None:
    work_in_lanes(cursor, an_account(cursor), 3, each=3)
    first = claiming.claim(room_of(7), any_room)
    assert (len(first.pieces), first.more_is_due) == (7, True)
    second = claiming.claim(room_of(7), any_room)
    assert (len(second.pieces), second.more_is_due) == (2, False)


def test_no_more_of_a_lane_is_claimed_than_it_has_room_for(claiming: Claiming, cursor: Cursor) -> None:
    account = an_account(cursor)
    for host in ("full", "slow", "new"):
        for _ in range(40):
            a_job(cursor, account, uri=f"http://{host}/")
    claimed = claiming.claim(room_of(100), room_only_in({"full": 0, "slow": 1}, usual=32))
    assert lanes_of(claimed) == {"slow": 1, "new": 32}


def test_what_a_beginning_tells_is_told_in_the_transaction_of_the_claim(claiming: Claiming, cursor: Cursor) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, event_types=["run.started"])
    some_work(cursor, account, kind="run")
    claimed = claiming.claim(room_of(1), any_room)
    assert [piece.work.kind for piece in claimed.pieces] == ["run"]
    cursor.execute("SELECT webhook_id FROM work JOIN events ON events.id = event_id WHERE type = 'run.started'")
    assert cursor.fetchall() == [(webhook.id,)]


def test_a_claim_that_cannot_be_prepared_has_begun_nothing(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_work(cursor)
    with monkeypatch.context() as broken:
        broken.setattr(SilentPerformer, "prepare", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            claiming.claim(room_of(10), any_room)
    cursor.execute("SELECT state, attempt FROM work")
    assert cursor.fetchall() == [("pending", 0)]
    assert len(claiming.claim(room_of(10), any_room).pieces) == 1
