"""Processes: seen while they beat, struck out when they are gone, and none of them waits for another to do so."""

from uuid import UUID, uuid4

from shared.database import Cursor, Database
from shared.store import processes


def a_process(cursor: Cursor, *, pid: int = 1, host: str = "here") -> UUID:
    id = uuid4()
    processes.beat(cursor, id=id, kind="worker", host=host, pid=pid, counters={})
    return id


def seen(cursor: Cursor) -> set[UUID]:
    return {process.id for process in processes.alive(cursor)}


def test_the_dead_of_a_host_are_struck_out_and_no_others(cursor: Cursor) -> None:
    alive, elsewhere = a_process(cursor, pid=1), a_process(cursor, pid=2, host="there")
    a_process(cursor, pid=2)
    processes.bury(cursor, host="here", is_alive=lambda pid: pid == 1)
    assert seen(cursor) == {alive, elsewhere}


def test_one_that_leaves_takes_those_along_that_were_silent_for_a_day(cursor: Cursor) -> None:
    leaving, silent, alive = (a_process(cursor) for _ in range(3))
    cursor.execute("UPDATE processes SET seen_at = now() - interval '25 hours' WHERE id = %s", (silent,))
    processes.leave(cursor, leaving)
    cursor.execute("SELECT id FROM processes")
    assert cursor.fetchall() == [(alive,)]


def test_a_process_that_is_frozen_while_it_strikes_out_the_dead_holds_up_no_other(
    database: Database, cursor: Cursor
) -> None:
    a_process(cursor)
    cursor.execute("UPDATE processes SET seen_at = now() - interval '25 hours'")
    with database.transaction() as frozen:
        processes.bury(frozen.cursor, host="here", is_alive=lambda _: False)
        beginning = a_process(cursor, host="there")
        processes.bury(cursor, host="here", is_alive=lambda _: False)
        processes.leave(cursor, beginning)
    cursor.execute("SELECT id FROM processes")
    assert cursor.fetchall() == []
