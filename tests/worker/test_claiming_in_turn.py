"""Claiming for one worker: lanes and accounts take turns, whatever one of them floods the others with."""

from collections import Counter
from collections.abc import Mapping
from math import ceil
from typing import Any

import pytest

from shared.database import Cursor, Database
from shared.store import work
from tests import claiming_worker, store_fixtures
from tests.claiming_worker import accounts_of, any_room, lanes_of, room_of, room_only_in, work_in_lanes
from tests.factories import a_job, an_account, an_ended
from worker import claiming as claiming_module
from worker import looking
from worker.claiming import Claimed, Claiming
from worker.room import Room
from worker.store.claims import Lane, waiting_lanes

claiming = claiming_worker.claiming
cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there


def test_a_host_that_several_accounts_call_is_not_overrun_by_their_sum(claiming: Claiming, cursor: Cursor) -> None:
    accounts = [an_account(cursor) for _ in range(5)]
    for account in accounts:
        for _ in range(5):
            a_job(cursor, account, uri="http://shared/")
    served: Counter[int] = Counter()
    for _ in range(10):
        claimed = claiming.claim(room_of(100), room_only_in({"shared": 1}))
        assert len(claimed.pieces) == 1
        served += accounts_of(claimed)
    assert served == dict.fromkeys(accounts, 2)


@pytest.mark.parametrize(
    ("lanes_at_once", "claims"), [(500, ceil(40 / 8)), (10, 40 // 10 * ceil(10 / 8))], ids=["one-look", "four-looks"]
)
def test_with_more_lanes_than_fit_each_gets_its_turn(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch, lanes_at_once: int, claims: int
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", lanes_at_once)
    work_in_lanes(cursor, an_account(cursor), 40, each=10)
    served: Counter[str] = Counter()
    for _ in range(claims):
        served += lanes_of(claiming.claim(room_of(8), any_room))
    assert len(served) == 40


def test_lanes_get_their_turn_in_each_account_while_the_accounts_take_theirs(
    claiming: Claiming, cursor: Cursor
) -> None:
    accounts = [an_account(cursor) for _ in range(5)]
    for account in accounts:
        work_in_lanes(cursor, account, 12, each=10)
    served: Counter[tuple[int, str]] = Counter()
    for _ in range(ceil(5 * 12 / 8) + 1):
        claimed = claiming.claim(room_of(8), any_room)
        assert len(accounts_of(claimed)) == 5
        served += Counter((piece.work.account_id, piece.work.lane) for piece in claimed.pieces)
    assert len(served) == 5 * 12


def test_with_less_room_than_accounts_each_account_gets_its_turn(claiming: Claiming, cursor: Cursor) -> None:
    accounts = [an_account(cursor) for _ in range(6)]
    for account in accounts:
        work_in_lanes(cursor, account, 3, each=10)
    served: Counter[int] = Counter()
    for _ in range(6):
        served += accounts_of(claiming.claim(room_of(2), any_room))
    assert served == dict.fromkeys(accounts, 2)


@pytest.mark.parametrize("lanes", [1, 400])
@pytest.mark.parametrize("flooder_is_first", [True, False])
def test_fifty_thousand_of_one_account_do_not_hold_up_the_single_one_of_another(
    claiming: Claiming, cursor: Cursor, lanes: int, flooder_is_first: bool
) -> None:
    accounts = [an_account(cursor), an_account(cursor)]
    flooder, other = accounts if flooder_is_first else reversed(accounts)
    work_in_lanes(cursor, flooder, lanes, each=50_000 // lanes, due_in_seconds=-600)
    for _ in range(3):
        claiming.claim(room_of(32), any_room)
    a_job(cursor, other)
    assert accounts_of(claiming.claim(room_of(32), any_room))[other] == 1


@pytest.mark.parametrize("flooder_is_first", [True, False])
def test_however_many_lanes_one_account_has_another_gets_its_part_of_the_first_claim(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch, flooder_is_first: bool
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 100)
    accounts = [an_account(cursor), an_account(cursor)]
    flooder, other = accounts if flooder_is_first else reversed(accounts)
    work_in_lanes(cursor, flooder, 1_000, due_in_seconds=-600)
    a_job(cursor, other)
    assert accounts_of(claiming.claim(room_of(5), any_room))[other] == 1
    for _ in range(3):
        claiming.claim(room_of(5), any_room)
        a_job(cursor, other)
        assert accounts_of(claiming.claim(room_of(5), any_room))[other] == 1, "once the flood is begun too"


def test_with_more_accounts_than_fit_into_a_look_each_gets_its_turn(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    accounts = [an_account(cursor) for _ in range(25)]
    for account in accounts:
        work_in_lanes(cursor, account, 4, each=3)
    served: Counter[int] = Counter()
    for _ in range(5):
        served += accounts_of(claiming.claim(room_of(5), any_room))
    assert served == dict.fromkeys(accounts, 1)


def test_lanes_without_anything_due_are_passed_over_however_many(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    account, other = an_account(cursor), an_account(cursor)
    work_in_lanes(cursor, account, 95, due_in_seconds=60)
    job = a_job(cursor, other)
    assert [piece.work.id for piece in claiming.claim(room_of(10), any_room).pieces] == [str(job.id)]


def test_lanes_without_room_are_passed_over_as_well(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    account, other = an_account(cursor), an_account(cursor)
    work_in_lanes(cursor, account, 95)
    job = a_job(cursor, other, uri="http://free/")
    assert [piece.work.id for piece in claiming.claim(room_of(10), room_only_in({"free": 1})).pieces] == [str(job.id)]


def test_looking_for_what_is_due_ends_after_so_many_lanes_and_goes_on_from_there(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    monkeypatch.setattr(claiming_module, "LOOKS_AT_MOST", 3)
    account = an_account(cursor)
    work_in_lanes(cursor, account, 95, due_in_seconds=60)
    a_job(cursor, account, uri="http://the-last/")
    claims = [claiming.claim(room_of(10), any_room) for _ in range(4)]
    assert [len(claimed.pieces) for claimed in claims] == [0, 0, 0, 1]
    assert [claimed.looked_at_all for claimed in claims] == [False, False, False, True]


def test_when_very_many_lanes_have_nothing_due_the_looking_for_it_ends(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    monkeypatch.setattr(claiming_module, "LOOKS_AT_MOST", 3)
    for _ in range(8):
        work_in_lanes(cursor, an_account(cursor), 20, due_in_seconds=60)
    claims = 1
    while not claiming.claim(room_of(10), any_room).looked_at_all:
        claims += 1
    assert claims <= ceil(160 / 10 / 3) + 1


def test_an_account_that_holds_all_it_may_is_not_looked_at(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, other = an_account(cursor), an_account(cursor)
    work_in_lanes(cursor, account, 50)
    job = a_job(cursor, other)

    room = Room(now=64, ahead=0, free=144, held={account: 432})

    def lanes_of_the_other(cursor: Cursor, after: Mapping[int, str | None], **options: Any) -> list[Lane]:
        assert set(after) == {other}
        return waiting_lanes(cursor, after, **options)

    monkeypatch.setattr("worker.store.claims.waiting_lanes", lanes_of_the_other)
    assert [piece.work.id for piece in claiming.claim(room, any_room).pieces] == [str(job.id)]
    assert claiming.claim(room, any_room) == Claimed([], more_is_due=False)


def test_when_nothing_can_be_claimed_no_lane_is_looked_at_for_a_third_time(
    claiming: Claiming, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    work_in_lanes(cursor, an_account(cursor), 25)
    claiming.claim(room_of(1), any_room)
    looks = []

    def counted(*arguments: Any, **options: Any) -> list[Lane]:
        looks.append(arguments)
        return waiting_lanes(*arguments, **options)

    monkeypatch.setattr("worker.store.claims.waiting_lanes", counted)
    assert claiming.claim(room_of(10), room_only_in({})).pieces == []
    assert len(looks) == 5, "two from the middle to the end, three from the first lane to the last"


def test_every_lane_is_seen_again_after_a_whole_round(
    claiming: Claiming, database: Database, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    account = an_account(cursor)
    work_in_lanes(cursor, account, 35)
    served: Counter[str] = Counter()
    for _ in range(12):
        claimed = claiming.claim(room_of(10), any_room)
        served += lanes_of(claimed)
        with database.transaction() as transaction:
            work.finish(transaction.cursor, [an_ended(piece.work, "pending") for piece in claimed.pieces])
            transaction.cursor.execute("UPDATE work SET released = attempt")
    assert len(served) == 35
    assert max(served.values()) - min(served.values()) <= 2
