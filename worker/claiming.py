"""Claiming for one worker: look which lanes wait, divide the room among them, lease what is due, prepare it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.settings import Settings
from shared.store import events
from worker.fairness import shares_of
from worker.performer import Performer, Prepared
from worker.store import claims
from worker.store.claims import Lane, Share

LANES_AT_ONCE = 500
LOOKS_AT_MOST = 20  # in one claim: lanes without anything to claim are passed over, at some 2 ms a look
REMEMBERED_LANES = 10_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed, ready to be begun, and whether more of it seems to be due."""

    pieces: list[Prepared]
    more_is_due: bool


class Claiming:
    """Remembers who was served when: where more is due than fits, all accounts get their turn, and all their lanes."""

    def __init__(
        self, database: Database, performers: Mapping[str, Performer], *, worker: str, settings: Settings
    ) -> None:
        self._database = database
        self._performers = performers
        self._worker = worker
        self._margin_seconds = settings.lease_margin_seconds
        self._calls_per_host = settings.calls_per_host
        self._delivery_attempts = settings.delivery_attempts
        self._claims = 0
        self._served_accounts: dict[int, tuple[int, int]] = {}  # in which claim last, and how much of it
        self._served_lanes: dict[tuple[int, str], int] = {}
        self._looked_up_to: Lane | None = None

    def claim(self, room: int, lane_room: Callable[[Iterable[str]], Mapping[str, int]]) -> Claimed:
        """Lease at most `room` pieces of work, and of each lane at most what `lane_room` says."""
        self._claims += 1
        with self._database.reading() as cursor:
            shares = self._divide(cursor, room, lane_room)
        if not shares:
            return Claimed([], more_is_due=False)
        with self._database.transaction() as transaction:
            cursor = transaction.cursor
            claimed = claims.claim(cursor, shares, worker=self._worker, margin_seconds=self._margin_seconds)
            pieces: list[Prepared] = []
            for kind in sorted({item.kind for item in claimed}):
                pieces += self._performers[kind].prepare(cursor, [item for item in claimed if item.kind == kind])
            begun = [piece.event for piece in pieces if piece.event is not None]
            events.record(cursor, begun, delivery_attempts=self._delivery_attempts)
        reach(CrashPoint.WORKER_AFTER_CLAIM)
        self._remember(shares)
        return Claimed(pieces, more_is_due=len(claimed) == sum(share.most for share in shares))

    def _divide(
        self, cursor: Cursor, room: int, lane_room: Callable[[Iterable[str]], Mapping[str, int]]
    ) -> list[Share]:
        """Shares of the next lanes, from where the last look ended, that are due and have room."""
        sees_all = self._looked_up_to is None
        for _ in range(LOOKS_AT_MOST):
            lanes = sorted((lane for lane in self._look(cursor) if lane.is_due), key=self._turn)
            free = lane_room({lane.name for lane in lanes})
            shares = shares_of(lanes, room, free, self._calls_per_host, self._claims)
            if shares or (sees_all and self._looked_up_to is None):
                return shares
            sees_all = sees_all or self._looked_up_to is None
        return []

    def _look(self, cursor: Cursor) -> list[Lane]:
        """The next lanes with pending work; behind the last of all comes the first again."""
        lanes = claims.waiting_lanes(cursor, limit=LANES_AT_ONCE, after=self._looked_up_to)
        self._looked_up_to = lanes[-1] if len(lanes) == LANES_AT_ONCE else None
        return lanes

    def _turn(self, lane: Lane) -> tuple[tuple[int, int], int, int, str]:
        """Sorts those first that were served longest ago, or least."""
        account, name = lane.account_id, lane.name
        return self._served_accounts.get(account, (0, 0)), account, self._served_lanes.get((account, name), 0), name

    def _remember(self, served: Sequence[Share]) -> None:
        if len(self._served_lanes) > REMEMBERED_LANES:
            self._served_lanes.clear()
            self._served_accounts.clear()
        self._served_lanes |= {(share.account_id, share.lane): self._claims for share in served}
        parts: Counter[int] = Counter()
        for share in served:
            parts[share.account_id] += share.most
        self._served_accounts |= {account: (self._claims, part) for account, part in parts.items()}
