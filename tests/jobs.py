"""A job performed by the test itself, in the place of a worker: claim, finish."""

from typing import Any
from uuid import UUID

from shared.database import Database
from shared.store import work
from shared.store.work import ClaimedWork, State
from tests.claiming import claim
from tests.factories import an_ended


def begin_job(database: Database, job_id: UUID | str) -> ClaimedWork:
    """The job, claimed; what else is due is left running."""
    with database.transaction() as transaction:
        claimed = claim(transaction.cursor, limit=1_000, margin_seconds=15)
    return next(item for item in claimed if str(item.id) == str(job_id))


def end_begun_job(database: Database, job: ClaimedWork, state: State = "succeeded", **fields: Any) -> None:
    """End an attempt like this; the lease must still be held."""
    with database.transaction() as transaction:
        assert job.id in work.finish(transaction.cursor, [an_ended(job, state, **fields)])


def end_job(database: Database, job_id: UUID | str, state: State = "succeeded", **fields: Any) -> None:
    """Perform one attempt of the job, which ends like this."""
    end_begun_job(database, begin_job(database, job_id), state, **fields)
