"""Places of those who wait: so many in all, so many of one account, and free again with the end of the wait."""

from contextlib import ExitStack

import pytest

from api.errors import TooManyRequests
from api.waiting_places import WaitingPlaces


def test_no_account_may_take_the_places_of_all_the_others() -> None:
    places = WaitingPlaces(most=3, most_of_account=2)
    with ExitStack() as waiting:
        for account_id in (1, 1, 2):
            waiting.enter_context(places.taken(account_id))
        for account_id in (1, 2, 3):
            with pytest.raises(TooManyRequests) as refused, places.taken(account_id):
                pass
            assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    for account_id in (3, 3, 2):
        waiting.enter_context(places.taken(account_id))
    with pytest.raises(TooManyRequests), places.taken(3):
        pass
    waiting.close()


def test_a_place_is_free_again_however_the_wait_ends() -> None:
    places = WaitingPlaces(most=1, most_of_account=1)
    with pytest.raises(ZeroDivisionError), places.taken(1):
        raise ZeroDivisionError
    with places.taken(1), pytest.raises(TooManyRequests), places.taken(1):
        pass
    with places.taken(2):
        pass
