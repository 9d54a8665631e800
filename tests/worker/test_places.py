"""Places: those that take long go on without one, bounded in number, and not all of them of one account."""

import itertools

from tests.pieces import a_claimed
from worker.places import SLOW_FOR_EACH_PLACE, Places, UnderWay

COUNT = 4
MOST = COUNT * (SLOW_FOR_EACH_PLACE + 1)
_seconds = itertools.count()


def begun(places: Places, account: int = 1, *, has_place: bool = True) -> UnderWay:
    under_way = UnderWay(a_claimed(account_id=account), next(_seconds), has_place=has_place)
    places.begun(under_way)
    return under_way


def ended(places: Places, under_way: UnderWay) -> None:
    places.under_way.remove(under_way)
    places.ended(under_way)


def may_begin(places: Places, account: int) -> bool:
    return not places.is_tight or places.may_begin(account)


def test_places_are_taken_and_left() -> None:
    places = Places(COUNT)
    all_of_them = [begun(places) for _ in range(COUNT)]
    assert (places.taken, places.is_any_free, places.is_tight) == (COUNT, False, False)
    ended(places, all_of_them[0])
    assert places.is_any_free


def test_only_the_places_of_those_that_take_long_are_taken() -> None:
    places = Places(COUNT)
    first, second = begun(places), begun(places)
    assert places.take_from(begun_before=first.begun_at)
    assert (first.has_place, second.has_place, places.taken) == (False, True, 1)
    assert not places.take_from(begun_before=first.begun_at)
    ended(places, second)
    ended(places, first)
    assert (places.taken, places.under_way, places._slow, places._slow_of) == (0, set(), 0, {})


def test_no_more_are_under_way_than_there_are_places_and_room_beside_them() -> None:
    places = Places(COUNT)
    for account in range(MOST):
        assert may_begin(places, account)
        begun(places, account, has_place=False)
    assert not may_begin(places, MOST)


def test_one_account_alone_may_have_three_quarters_and_others_find_room_beside_it() -> None:
    places = Places(COUNT)
    while may_begin(places, 1):
        begun(places, 1, has_place=False)
    assert len(places.under_way) == MOST * 3 // 4
    for account in range(2, 6):
        assert may_begin(places, account)
        begun(places, account, has_place=False)
    assert not may_begin(places, 1)


def test_what_leaves_makes_room_for_more_of_its_account() -> None:
    places = Places(COUNT)
    slow = [begun(places, has_place=False) for _ in range(MOST * 3 // 4)]
    assert not may_begin(places, 1)
    ended(places, slow[0])
    assert may_begin(places, 1)
