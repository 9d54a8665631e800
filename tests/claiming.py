"""Claiming as a worker does, for tests that want some work claimed."""

from datetime import datetime

from shared.database import Cursor
from shared.store.work import ClaimedWork
from worker.fairness import shares_of
from worker.store import claims


def claim(
    cursor: Cursor, *, limit: int, worker: str = "test", margin_seconds: float = 15, now: datetime | None = None
) -> list[ClaimedWork]:
    """Lease at most so much of what is due, evenly from all accounts and lanes."""
    lanes = claims.waiting_lanes(cursor, limit=10_000, now=now)
    shares = shares_of(lanes, limit, {}, limit)
    return claims.claim(cursor, shares, worker=worker, margin_seconds=margin_seconds, now=now)
