"""Runs whose observations are there already, judged as a worker does it, but in the thread of the test."""

import asyncio
from typing import NoReturn, cast

from shared.database import Database
from tests.claiming import claim
from tests.performing import end_of, finished
from worker.finishing import Finishing
from worker.outbound import Outbound
from worker.performer import Ended
from worker.runs import RunPerformer


class NobodyIsCalled:
    """What has been observed is not asked for again."""

    async def send(self, *_: object) -> NoReturn:
        raise AssertionError("these observations are there already")


def judge_due_runs(database: Database) -> list[Ended]:
    """Claim, perform and finish the runs that are due."""
    performer = RunPerformer(cast(Outbound, NobodyIsCalled()))
    with database.transaction() as transaction:
        pieces = performer.prepare(transaction.cursor, claim(transaction.cursor, limit=100))
    ended = [asyncio.run(end_of(performer, piece, 5)) for piece in pieces]
    assert finished(Finishing(database, {"run": performer}, delivery_attempts=1), ended) == {
        item.work.id for item in ended
    }
    return ended
