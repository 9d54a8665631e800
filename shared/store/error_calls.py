"""Error calls: a job that has failed for good is told of at its error_uri, by a job of its own."""

from collections.abc import Sequence

from shared.array import array
from shared.database import Cursor

# The same payload, the same policy; but no error_uri of its own, and for each failed job only one. Headers may hold
# what is meant for the host of the job alone, over the scheme of its URL: they do not leave TLS.
BEGIN = """
INSERT INTO work (account_id, kind, lane, error_of, scheduled_for, max_attempts, timeout_seconds, spec)
SELECT account_id, 'job', lane_of(spec ->> 'error_uri'), id, now(), max_attempts, timeout_seconds,
       spec || jsonb_build_object(
           'uri', spec -> 'error_uri',
           'error_uri', NULL,
           'method', 'POST',
           'headers', CASE
               WHEN lower(substring(spec ->> 'error_uri' FROM '^[^/]*//[^/?#]*'))
                    = lower(substring(spec ->> 'uri' FROM '^[^/]*//[^/?#]*'))
               THEN spec -> 'headers'
               ELSE '{}'
           END
       )
FROM work
WHERE id = ANY(%(job_ids)s::uuid[]) AND kind = 'job' AND state = 'failed' AND spec ->> 'error_uri' IS NOT NULL
ON CONFLICT (error_of) WHERE error_of IS NOT NULL DO NOTHING
"""


def begin(cursor: Cursor, job_ids: Sequence[str]) -> None:
    """Make the error calls of these jobs, those of them that failed for good and have an error_uri; due at once."""
    if job_ids:
        cursor.execute(BEGIN, {"job_ids": array(job_ids)})
