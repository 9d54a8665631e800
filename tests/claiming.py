"""Claiming as a worker does, for tests that want some work claimed."""

from datetime import datetime

from shared.database import Cursor
from shared.store.work import ClaimedWork
from worker.fairness import shares_of
from worker.room import LaneRoom, Room
from worker.store import claims
from worker.store.claims import Lane


def claim(
    cursor: Cursor, *, limit: int, worker: str = "test", margin_seconds: float = 15, now: datetime | None = None
) -> list[ClaimedWork]:
    """Lease at most so much of what is due, evenly from all accounts and lanes."""
    lanes = all_waiting_lanes(cursor, now=now)
    lane_room = {lane.name: LaneRoom(limit, 0) for lane in lanes}
    shares = shares_of(lanes, Room(now=limit, ahead=0, free=10 * limit, held={}), lane_room)
    return claims.claim(cursor, shares, worker=worker, margin_seconds=margin_seconds, now=now)


def all_waiting_lanes(cursor: Cursor, *, now: datetime | None = None) -> list[Lane]:
    """Every lane in which something waits."""
    accounts = claims.waiting_accounts(cursor, limit=10_000)
    return claims.waiting_lanes(cursor, dict.fromkeys(accounts), limit=10_000, now=now)
