"""The sweep: take back the leases of the dead, and ring again for what is due and was not begun."""

import structlog

from shared.crash_points import CrashPoint, reach
from shared.database import Database
from shared.queues import Bell
from shared.store import schedules, work

log = structlog.get_logger(__name__)

LEASES_AT_ONCE = 500


def expire_leases(database: Database, bell: Bell) -> bool:
    """Take back a batch of leases that ran out; whether there may be more."""
    with database.transaction() as transaction:
        expired = work.expire(transaction.cursor, limit=LEASES_AT_ONCE)
        failed = [id for id, state in expired.items() if state == "failed"]
        if failed:
            schedules.pause_after(transaction.cursor, failed)
        reach(CrashPoint.SCHEDULER_BEFORE_COMMIT)
    reach(CrashPoint.SCHEDULER_AFTER_COMMIT)
    if expired:
        log.warning("leases_expired", count=len(expired), ids=[str(id) for id in list(expired)[:10]])
        bell.announce(failed)
    return len(expired) == LEASES_AT_ONCE


def ring_for_due_work(database: Database, bell: Bell) -> int:
    """Ring for work that is due and was not begun; how much of it there is, up to a ring's worth."""
    with database.reading() as cursor:
        schedules.release_held(cursor, None)
        ids = work.due(cursor, limit=LEASES_AT_ONCE)
    if ids:
        bell.ring(ids)
    return len(ids)
