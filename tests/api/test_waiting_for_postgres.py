"""Postgres that says nothing any more, in a process whose requests are greenlets: no wait for it is without an end."""

import json
import socket
import subprocess
import sys
from typing import Any

import pytest

from tests.processes import ROOT

BEGINNING = """
from gevent import monkey

monkey.patch_all()

import json, os, signal, sys, time
import gevent
import psycopg2.extensions
from api import waiting_for_postgres
from shared.database import Database
from shared.errors import DatabaseUnavailable

psycopg2.extensions.set_wait_callback(waiting_for_postgres.wait_with_gevent)
waiting_for_postgres.CONNECT_SECONDS = 0.3
waiting_for_postgres.ANSWER_SECONDS = 0.6
database = Database(sys.argv[1], size=1, name="api")
turns = []


def take_turns():
    while True:
        turns.append(time.monotonic())
        gevent.sleep(0.01)


gevent.spawn(take_turns)
seen = {}


def note(began, error):
    seen.update(seconds=time.monotonic() - began, error=str(error), turns=len(turns))

"""

CONNECT = """
began = time.monotonic()
try:
    with database.reading() as cursor:
        cursor.execute("SELECT 1")
except DatabaseUnavailable as error:
    note(began, error)
print(json.dumps(seen))
"""

FREEZE = """
pid = 0
try:
    with database.{use}() as used:
        cursor = getattr(used, "cursor", used)
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        cursor.execute("SELECT 1")
except DatabaseUnavailable as error:
    note(began, error)
finally:
    os.kill(pid, signal.SIGCONT)
with database.reading() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    seen.update(is_another=cursor.fetchone()[0] != pid)
print(json.dumps(seen))
"""


def seen_by(program: str, url: str) -> Any:
    command = [sys.executable, "-c", BEGINNING + program, url]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_server_that_accepts_and_says_nothing_is_unavailable_soon_and_holds_up_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = seen_by(CONNECT, f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing")
    assert 0.3 <= seen["seconds"] < 3
    assert seen["error"] == "Postgres has not answered for 0.3 s"
    assert seen["turns"] > 5


@pytest.mark.parametrize("use", ["reading", "transaction"])
def test_a_server_that_is_frozen_is_unavailable_and_its_connection_is_not_used_again(
    database_url: str, use: str
) -> None:
    seen = seen_by(FREEZE.replace("{use}", use), database_url)
    assert 0.6 <= seen["seconds"] < 5
    assert seen["error"] == "Postgres has not answered for 0.6 s"
    assert seen["turns"] > 5
    assert seen["is_another"] is True
