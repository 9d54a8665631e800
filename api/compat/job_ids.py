"""The ids that the scheduler's clients know: version 1 UUIDs, as that system makes them, of our whole numbers.

The time is that of the schedule's creation, the node its number, marked as no network card's as RFC 9562 asks for. So
every schedule has such an id, whoever made it, and none is stored.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_TO_EPOCH = 0x01B21DD213814000  # of 100 ns, from 1582-10-15
_NO_NETWORK_CARD = 1 << 40  # what is below is enough for 10^12 schedules
_CLOCK_SEQUENCE = 0


def job_id_of(schedule_id: int, created_at: datetime) -> UUID:
    """The id that clients see.

    >>> job_id_of(7, datetime(2026, 3, 1, tzinfo=UTC))
    UUID('97230000-1501-11f1-8000-010000000007')
    """
    ticks = (created_at - _EPOCH) // timedelta(microseconds=1) * 10 + _TICKS_TO_EPOCH
    time = (ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, ticks >> 48)
    return UUID(fields=(*time, _CLOCK_SEQUENCE, _CLOCK_SEQUENCE, _NO_NETWORK_CARD | schedule_id), version=1)


def schedule_id_in(job_id: UUID) -> int:
    """The schedule that it would be the id of; whether it is, tells job_id_of() of that schedule alone.

    >>> schedule_id_in(UUID("97230000-1501-11f1-8000-010000000007"))
    7
    """
    return job_id.node & (_NO_NETWORK_CARD - 1)
