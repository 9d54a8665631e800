"""Migrating: twice is nothing, two at once take turns, and a killed one leaves nothing in the way."""

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.database import Database
from shared.migrate import MIGRATION_LOCK, migrate
from tests.concurrency import wait_until_blocked
from tests.processes import ServiceProcess, wait_until
from tests.rows import row_counts

_numbers = itertools.count(1)
STEPS = len(list((Path(sys.modules["shared.migrate"].__file__ or "").parent / "migrations").glob("*.sql")))


def execute(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


@pytest.fixture
def empty_url(servers: tuple[EmbeddedPostgres, EmbeddedRedis]) -> Iterator[str]:
    """A database without any table of ours."""
    name = f"empty_{next(_numbers)}"
    server_url = servers[0].url.replace("/roundsman?", "/postgres?")
    execute(server_url, f"CREATE DATABASE {name}")
    yield servers[0].url.replace("/roundsman?", f"/{name}?")
    execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    pool = Database(empty_url, size=2, name="test")
    yield pool
    pool.close()


def tables(database: Database) -> set[str]:
    with database.reading() as cursor:
        return set(row_counts(cursor))


def test_every_step_is_applied_once(empty_url: str, empty: Database) -> None:
    assert migrate(empty_url) == STEPS
    made = tables(empty)
    assert {"accounts", "checklists", "work", "attempts"} <= made
    assert migrate(empty_url) == 0
    assert tables(empty) == made


def test_the_older_name_of_the_scheme_is_understood(empty_url: str) -> None:
    assert migrate(empty_url.replace("postgresql://", "postgres://", 1)) == STEPS


def test_two_at_once_take_turns(empty_url: str, empty: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        with empty.transaction() as holder:
            holder.cursor.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            migrating = [pool.submit(migrate, empty_url) for _ in range(2)]
            wait_until_blocked(empty, 2)
            assert tables(empty) == set()
        assert sorted(future.result(20) for future in migrating) == [0, STEPS]


def test_one_that_was_killed_in_mid_step_leaves_nothing_in_the_way(
    empty_url: str, empty: Database, tmp_path: Path
) -> None:
    environment = {"DATABASE_URL": empty_url}
    with empty.transaction() as holder:
        holder.cursor.execute("CREATE TABLE accounts ()")  # the first step waits for what becomes of this
        with ServiceProcess("shared.migrate", environment=environment, log=tmp_path / "log") as migrating:
            wait_until_blocked(empty)
            migrating.kill()
        holder.cursor.connection.rollback()
    assert migrate(empty_url) == STEPS
    assert "accounts" in tables(empty)


def test_one_that_was_killed_waiting_holds_nobody_up(empty_url: str, empty: Database, tmp_path: Path) -> None:
    with (
        empty.transaction() as holder,
        ServiceProcess("shared.migrate", environment={"DATABASE_URL": empty_url}, log=tmp_path / "log") as waiting,
    ):
        holder.cursor.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        wait_until_blocked(empty)
        waiting.kill()
    assert migrate(empty_url) == STEPS


def test_the_command_tells_how_many_steps_it_took(empty_url: str, tmp_path: Path) -> None:
    for expected in (f"migrated: {STEPS} new steps\n", "migrated: 0 new steps\n"):
        log = tmp_path / f"{next(_numbers)}.log"
        with ServiceProcess(
            "shared.migrate", environment={**os.environ, "DATABASE_URL": empty_url}, log=log
        ) as command:
            wait_until(lambda command=command: command.process.poll() is not None, "the command ends")
            assert command.process.returncode == 0
        assert expected in log.read_text()
