"""What a client had in hand when its socket ended goes back to its queue at once, not when the leases are over."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import structlog

from api.ending_tasks import give_back_tasks
from api.services import services
from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)


def give_back(leases: Mapping[UUID, UUID], outcome: Literal["lease_expired", "released"], error: str) -> None:
    """End these attempts; without the database it is the ends of the leases, by id of the task, that do it."""
    if not leases:
        return
    try:
        with services().database.transaction() as transaction:
            give_back_tasks(transaction, leases, outcome, error)
    except DatabaseUnavailable as unavailable:
        log.warning("tasks_not_given_back", count=len(leases), error=str(unavailable))
