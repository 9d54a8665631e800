"""Claiming for one worker: look which lanes wait, divide the room among them, lease what is due, prepare it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.settings import Settings
from shared.store import events
from worker.fairness import shares_of
from worker.looking import Looking
from worker.performer import Performer, Prepared
from worker.room import LaneRoom, Room
from worker.store import claims
from worker.store.claims import Lane, Share

LOOKS_AT_MOST = 20  # in one claim: lanes without anything to claim are passed over, at some 2 ms a look
REMEMBERED_LANES = 10_000

LaneRoomOf = Callable[[Iterable[str]], Mapping[str, LaneRoom]]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed, ready to be begun; whether more of it seems to be due, or is still to be looked for."""

    pieces: list[Prepared]
    more_is_due: bool
    looked_at_all: bool = True


class Claiming:
    """Remembers who was served when: where more is due than fits, all accounts get their turn, and all their lanes."""

    def __init__(
        self, database: Database, performers: Mapping[str, Performer], *, worker: str, settings: Settings
    ) -> None:
        self._database = database
        self._performers = performers
        self._worker = worker
        self._margin_seconds = settings.lease_margin_seconds
        self._delivery_attempts = settings.delivery_attempts
        self._claims = 0
        self._served_accounts: dict[int, tuple[int, int]] = {}  # in which claim last, and how much of it
        self._served_lanes: dict[tuple[int, str], int] = {}
        self._looking = Looking()

    def claim(self, room: Room, lane_room: LaneRoomOf) -> Claimed:
        """Lease what is due and what there is room for, in all and in its lane."""
        self._claims += 1
        with self._database.reading() as cursor:
            shares = self._divide(cursor, room, lane_room)
        if not shares:
            return Claimed([], more_is_due=False, looked_at_all=shares is None)
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

    def _divide(self, cursor: Cursor, room: Room, lane_room: LaneRoomOf) -> list[Share] | None:
        """Shares of the next lanes that are due and have room; None when there are no such lanes, of all there are."""
        for _ in range(LOOKS_AT_MOST):
            seen = self._looking.look(cursor, room.has_any_for)
            if seen is None:
                return None
            lanes = sorted((lane for lane in seen if lane.is_due), key=self._turn)
            if shares := shares_of(lanes, room, lane_room({lane.name for lane in lanes}), self._claims):
                self._looking.found()
                return shares
        return []

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
