"""Work performed as a worker process does it, but a batch at a time and in the thread of the test."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_network

import pytest

from shared.database import Database
from shared.settings import Settings
from tests.claiming import claim
from tests.target import Target
from worker.deliveries import DeliveryPerformer
from worker.finishing import Finishing
from worker.http_jobs import JobPerformer
from worker.outbound import Outbound
from worker.performer import Ended, Performer, Prepared


async def end_of(performer: Performer, piece: Prepared, timeout_seconds: float) -> Ended:
    """How the piece of work ends that is performed now, on the loop that runs here."""
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    performer.perform(piece, timeout_seconds, lambda make, of: ended.set_result(make(of)))
    return await ended


def finished(finishing: Finishing, ended: Sequence[Ended]) -> set[str]:
    """Finish these as one batch; the ids of those whose lease was still held."""
    return {id for _, held in finishing.finish_batch(ended) for id in held}


class Caller:
    """Claims what is due, calls out over `outbound`, and finishes."""

    def __init__(self, database: Database, outbound: Outbound, settings: Settings) -> None:
        self._database = database
        self._outbound = outbound
        self._performers: Mapping[str, Performer] = {
            "job": JobPerformer(outbound, delivery_attempts=7),
            "delivery": DeliveryPerformer(outbound, settings),
        }
        self._finishing = Finishing(database, self._performers, delivery_attempts=settings.delivery_attempts)

    def claim(self, *, limit: int = 100, now: datetime | None = None) -> list[Prepared]:
        """What is due, claimed and prepared in one transaction."""
        with self._database.transaction() as transaction:
            claimed = claim(transaction.cursor, limit=limit, now=now)
            return [
                piece
                for kind, performer in self._performers.items()
                for piece in performer.prepare(transaction.cursor, [item for item in claimed if item.kind == kind])
            ]

    def call(self, pieces: list[Prepared], *, timeout_seconds: float = 5) -> list[Ended]:
        """Make the calls, all at once; nothing is recorded yet."""

        calls = [
            self._outbound.submit(end_of(self._performers[piece.work.kind], piece, timeout_seconds)) for piece in pieces
        ]
        return [call.result(timeout_seconds + 5) for call in calls]

    def finish(self, ended: list[Ended]) -> set[str]:
        """Finish these as one batch; the ids of those whose lease was still held."""
        return finished(self._finishing, ended)

    def perform_due(self, *, timeout_seconds: float = 5, now: datetime | None = None) -> list[Ended]:
        """Claim and perform what is due, a batch with all its leases held to the end."""
        ended = self.call(self.claim(now=now), timeout_seconds=timeout_seconds)
        assert self.finish(ended) == {item.work.id for item in ended}
        return ended

    def perform_one(self, *, timeout_seconds: float = 5, now: datetime | None = None) -> Ended:
        """The same when exactly one piece of work is due."""
        [ended] = self.perform_due(timeout_seconds=timeout_seconds, now=now)
        return ended


@pytest.fixture(scope="module")
def outbound() -> Iterator[Outbound]:
    """Calls that may go to this machine."""
    with Outbound(concurrency=16, allow=[ip_network("127.0.0.0/8")]) as running:
        yield running


@pytest.fixture
def caller(database: Database, outbound: Outbound, settings: Settings) -> Caller:
    return Caller(database, outbound, settings)


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as far_end:
        yield far_end
