"""A worker's claiming, with performers that only prepare, for work in many lanes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest

from shared.database import Cursor, Database
from shared.settings import Settings
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork
from worker.claiming import Claimed, Claiming, LaneRoomOf
from worker.performer import End, Ended, Prepared
from worker.room import LaneRoom, Room

IN_LANES = """
INSERT INTO work (account_id, kind, lane, max_attempts, timeout_seconds, due_at)
SELECT %(account_id)s, 'job', 'host ' || lpad(lane::text, 6, '0'), 4, 30,
       now() + make_interval(secs => %(due_in_seconds)s)
FROM generate_series(1, %(lanes)s) AS lanes (lane)
CROSS JOIN generate_series(1, %(each)s)
"""


def work_in_lanes(cursor: Cursor, account: int, lanes: int, *, each: int = 1, due_in_seconds: float = 0) -> None:
    """So much pending work in each of so many lanes."""
    cursor.execute(IN_LANES, {"account_id": account, "lanes": lanes, "each": each, "due_in_seconds": due_in_seconds})


class TellingPerformer:
    """Prepares what was claimed, and tells of every beginning."""

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        return [Prepared(item, event=NewEvent(item.account_id, "run.started", {})) for item in items]

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        raise NotImplementedError

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        return []


class SilentPerformer(TellingPerformer):
    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        return [Prepared(item) for item in items]


@pytest.fixture
def claiming(database: Database, settings: Settings) -> Claiming:
    performers = {"job": SilentPerformer(), "run": TellingPerformer(), "delivery": SilentPerformer()}
    return Claiming(database, performers, worker="test", settings=settings)


def room_of(most: int) -> Room:
    """Room for so much, of whatever account; nothing waits for lanes."""
    return Room(now=most, ahead=0, free=100 * most, held={})


def any_room(lanes: Iterable[str]) -> Mapping[str, LaneRoom]:
    """No lane has been used lately."""
    return dict.fromkeys(lanes, LaneRoom(32, 0))


def room_only_in(free: Mapping[str, int], *, usual: int = 0) -> LaneRoomOf:
    return lambda lanes: {lane: LaneRoom(free.get(lane, usual), 0) for lane in lanes}


def lanes_of(claimed: Claimed) -> Counter[str]:
    return Counter(piece.work.lane for piece in claimed.pieces)


def accounts_of(claimed: Claimed) -> Counter[int]:
    return Counter(piece.work.account_id for piece in claimed.pieces)
