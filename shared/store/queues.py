"""Queues: what is known of them besides their tasks."""

from collections.abc import Collection

from shared.array import array
from shared.database import Cursor

# In the order of the key, so that two who name the same new queues do not wait for each other.
MAKE_KNOWN = """
INSERT INTO queues (account_id, name)
SELECT account_id, name
FROM unnest(%(account_ids)s::bigint[], %(names)s::text[]) AS named (account_id, name)
ORDER BY account_id, name
ON CONFLICT (account_id, name) DO NOTHING
"""


def make_known(cursor: Cursor, queues: Collection[tuple[int, str]]) -> None:
    """See to it that each of these queues of an account has a row; one that is there is neither changed nor locked."""
    if queues:
        cursor.execute(
            MAKE_KNOWN,
            {
                "account_ids": array(account_id for account_id, _ in queues),
                "names": array(name for _, name in queues),
            },
        )
