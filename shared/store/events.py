"""Events: what happened, and a delivery of it to every webhook that wants to know, born together."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.domain.json_value import written

DELIVERY_TIMEOUT_SECONDS = 15


class NewEvent(NamedTuple):
    """Something that has just happened in an account; `data` is what its webhooks are told."""

    account_id: int
    type: str
    data: dict[str, Any]


# The end of both statements below. The unique index on event and webhook has nothing to say here: the events are new.
# Other systems tell only of runs that a schedule began. The lock is the one that the foreign key would take afterwards:
# a webhook that is just being deleted is waited for here, and then passed over.
DELIVER = """
INSERT INTO work (account_id, kind, lane, webhook_id, event_id, max_attempts, timeout_seconds)
SELECT born_events.account_id, 'delivery', lane_of(webhooks.url), webhooks.id, born_events.id,
       %(attempts)s, %(timeout_seconds)s
FROM born_events
JOIN webhooks ON webhooks.account_id = born_events.account_id
WHERE webhooks.enabled
  AND webhooks.event_types && ARRAY[born_events.type, '*']
  AND (webhooks.format = 'roundsman' OR coalesce(born_events.trigger, 'schedule') = 'schedule')
FOR KEY SHARE OF webhooks
RETURNING id
"""

HAPPENED = """
WITH born_events AS (
    INSERT INTO events (account_id, type, data)
    SELECT account_id, type, data
    FROM unnest(%(account_ids)s::bigint[], %(types)s::text[], %(data)s::jsonb[]) AS happened (account_id, type, data)
    RETURNING id, account_id, type, data ->> 'trigger' AS trigger
)
"""


def record(cursor: Cursor, happened: Sequence[NewEvent], *, delivery_attempts: int) -> list[UUID]:
    """Tell what happened, in the transaction in which it did; the ids of the deliveries that are now due."""
    if not happened:
        return []
    cursor.execute(
        HAPPENED + DELIVER,
        {
            "account_ids": array(event.account_id for event in happened),
            "types": array(event.type for event in happened),
            "data": array(written(event.data) for event in happened),
            "attempts": delivery_attempts,
            "timeout_seconds": DELIVERY_TIMEOUT_SECONDS,
        },
    )
    return [row[0] for row in cursor.fetchall()]


# Written from the rows themselves: jobs end by the thousand, and this is all that is told of them.
ENDED_JOBS = """
WITH born_events AS (
    INSERT INTO events (account_id, type, data)
    SELECT account_id,
           'job.' || state,
           jsonb_build_object(
               'job_id', id,
               'uri', spec -> 'uri',
               'schedule_id', schedule_id,
               'scheduled_for', instant_text(scheduled_for),
               'attempts', attempt - released,
               'status_code', (
                   SELECT attempts.status_code
                   FROM attempts
                   WHERE attempts.work_id = work.id AND attempts.number = work.attempt
               ),
               'error', error,
               'error_of', error_of
           )
    FROM work
    WHERE id = ANY(%(job_ids)s::uuid[])
    RETURNING id, account_id, type, NULL::text AS trigger
)
"""


def record_ended_jobs(cursor: Cursor, job_ids: Sequence[str], *, delivery_attempts: int) -> list[UUID]:
    """Tell that these jobs have succeeded, or failed for good, in the transaction in which they did; as `record`."""
    if not job_ids:
        return []
    cursor.execute(
        ENDED_JOBS + DELIVER,
        {"job_ids": array(job_ids), "attempts": delivery_attempts, "timeout_seconds": DELIVERY_TIMEOUT_SECONDS},
    )
    return [row[0] for row in cursor.fetchall()]
