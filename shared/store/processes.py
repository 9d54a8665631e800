"""Which schedulers and workers are alive, by their own account, and what they counted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from shared.database import Cursor

# A process that has not been seen for this long is taken for dead.
ALIVE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Process:
    id: UUID
    kind: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    counters: dict[str, Any]


SEEN_ON_HOST = """
SELECT id, pid
FROM processes
WHERE host = %(host)s
"""

# Past those that another is striking out just now: it may have been frozen while it did.
BURY = """
WITH unburied AS (
    SELECT id
    FROM processes
    WHERE id = ANY(%(ids)s)
    ORDER BY id
    FOR UPDATE SKIP LOCKED
)
DELETE FROM processes
USING unburied
WHERE processes.id = unburied.id
"""


def bury(cursor: Cursor, *, host: str, is_alive: Callable[[int], bool]) -> None:
    """Strike out the processes of this host that died without a word, so that nobody counts on them."""
    cursor.execute(SEEN_ON_HOST, {"host": host})
    dead = [id for id, pid in cursor.fetchall() if not is_alive(pid)]
    cursor.execute(BURY, {"ids": dead})


BEAT = """
INSERT INTO processes (id, kind, host, pid, counters)
VALUES (%(id)s, %(kind)s, %(host)s, %(pid)s, %(counters)s)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), counters = excluded.counters
"""


def beat(cursor: Cursor, *, id: UUID, kind: str, host: str, pid: int, counters: dict[str, int]) -> None:
    """Say that this process is alive, and what it has counted since it began."""
    cursor.execute(BEAT, {"id": id, "kind": kind, "host": host, "pid": pid, "counters": Json(counters)})


ALIVE = """
SELECT id, kind, host, pid, started_at, seen_at, counters
FROM processes
WHERE seen_at > now() - make_interval(secs => %(seconds)s)
ORDER BY kind, started_at, id
LIMIT 1000
"""


def alive(cursor: Cursor) -> list[Process]:
    cursor.execute(ALIVE, {"seconds": ALIVE_SECONDS})
    return [Process(*row) for row in cursor.fetchall()]


LEAVE = """
WITH gone AS (
    SELECT id
    FROM processes
    WHERE id = %(id)s OR seen_at < now() - interval '1 day'
    ORDER BY id
    FOR UPDATE SKIP LOCKED
)
DELETE FROM processes
USING gone
WHERE processes.id = gone.id
"""


def leave(cursor: Cursor, id: UUID) -> None:
    """Say good-bye; forget those that went without it long ago."""
    cursor.execute(LEAVE, {"id": id})
