"""A delivery performed by the test itself, in the place of a worker: claim and finish."""

from typing import Any
from uuid import UUID

from shared.database import Database, only_row
from shared.store import work
from shared.store.work import ClaimedWork, FinishedAttempt, State
from worker.store import claims
from worker.store.claims import Share

LANE = """
SELECT account_id, lane
FROM work
WHERE id = %(id)s
"""


def begin_delivery(database: Database, delivery_id: UUID | str) -> ClaimedWork:
    """The delivery, claimed; others of its account to the same host are left running."""
    with database.transaction() as transaction:
        transaction.cursor.execute(LANE, {"id": str(delivery_id)})
        share = Share(*only_row(transaction.cursor), most=1_000)
        claimed = claims.claim(transaction.cursor, [share], worker="test", margin_seconds=15)
    return next(item for item in claimed if str(item.id) == str(delivery_id))


def end_delivery(database: Database, delivery_id: UUID | str, state: State = "succeeded", **fields: Any) -> None:
    """Perform the delivery in one attempt, which ends like this."""
    end_claimed(database, begin_delivery(database, delivery_id), state, **fields)


def end_claimed(database: Database, claimed: ClaimedWork, state: State = "succeeded", **fields: Any) -> None:
    outcome: Any = "succeeded" if state == "succeeded" else "failed"
    ended = FinishedAttempt(claimed.id, claimed.lease_token, state, outcome, **fields)
    with database.transaction() as transaction:
        assert work.finish(transaction.cursor, [ended]) == {claimed.id}
