"""A whole service of real processes with short times, and a far end that counts what reaches it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from roundsman import Client
from shared.array import array
from shared.database import Database, only_row
from shared.store import events
from shared.store.events import NewEvent
from tests.processes import RunningApi, ServiceProcess
from tests.target import Seen, Target
from tests.target_modes import Exchange

Start = Callable[..., ServiceProcess]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts processes that end with the test: start("worker", ROUNDSMAN_CRASH_POINT="worker.after_claim")."""
    with ExitStack() as stack:

        def start_process(module: str, *arguments: str, **variables: str) -> ServiceProcess:
            log = tmp_path / f"{module}.log"
            process = ServiceProcess(module, *arguments, environment={**environment, **variables}, log=log)
            return stack.enter_context(process)

        yield start_process


@pytest.fixture(scope="module")
def service(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """The API as a process, with the key of a fresh account."""
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "api.log") as api:
        yield api


@pytest.fixture
def target() -> Iterator[Target]:
    """A checklist worker: answers one flow with one check."""
    with Target() as far_end:
        far_end.answers["/"] = [{"name": "flow", "assertions": [{"name": "check", "value": {"answer": 42}}]}]
        yield far_end


class HeldTarget(Target):
    """Takes every request, and answers none until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self._is_free = asyncio.Event()

    def let_go(self) -> None:
        """Answer those that wait, and those to come at once."""
        self._loop.call_soon_threadsafe(self._is_free.set)

    async def _answer(self, exchange: Exchange, seen: Seen) -> None:
        await self._is_free.wait()
        await super()._answer(exchange, seen)


class ResettingTarget(Target):
    """Ends every connection with RST: each other one after its first answer, the rest in the place of a second."""

    def __init__(self) -> None:
        super().__init__()
        self._answered: set[int] = set()

    async def _answer(self, exchange: Exchange, seen: Seen) -> None:
        if seen.connection in self._answered:
            exchange.reset()
        await super()._answer(exchange, seen)
        self._answered.add(seen.connection)
        if seen.connection % 2:
            exchange.reset()


@pytest.fixture
def hooks() -> Iterator[Target]:
    """A receiver of webhooks; the checker tells them apart by their paths."""
    with Target() as receiver:
        yield receiver


@pytest.fixture
def held() -> Iterator[HeldTarget]:
    """A far end whose calls stay in hand until it is let go."""
    with HeldTarget() as far_end:
        yield far_end


def signed_up(service: RunningApi) -> str:
    """The Authorization of an account of its own."""
    answer = service.call("POST", "/api-keys", json={"name": "test"}, headers={"Authorization": None})
    assert answer.status_code == 201, answer.text
    return f"Bearer {answer.json()['api_key']}"


@pytest.fixture
def account(service: RunningApi) -> RunningApi:
    """The service as a fresh account sees it: webhooks of other tests are not told of what happens here."""
    service.session.headers["Authorization"] = signed_up(service)
    return service


def client_of(api: RunningApi, account: RunningApi | None = None) -> Client:
    """A client of this API, with the key of this account; for one thread."""
    authorization = str((account or api).session.headers["Authorization"])
    return Client(api.url, authorization.removeprefix("Bearer "))


@pytest.fixture
def client(account: RunningApi) -> Iterator[Client]:
    """The client of a fresh account."""
    with client_of(account) as client:
        yield client


def outcomes(service: RunningApi, path: str) -> list[str]:
    """How the attempts of this job or delivery ended, in their order."""
    return [attempt["outcome"] for attempt in service.call("GET", path).json()["attempts"]]


def seconds_between(earlier: str, later: str) -> float:
    """How long it is from one timestamp of the API to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


END_LEASES = """
UPDATE work
SET lease_expires_at = now()
WHERE state = 'running' AND kind = ANY(%(kinds)s::text[])
"""


def end_leases(database: Database, *kinds: str) -> None:
    """Let the leases of the dead and the frozen end now: that of a delivery is longer than a test may wait."""
    with database.transaction() as transaction:
        transaction.cursor.execute(END_LEASES, {"kinds": array(kinds)})


def rows(database: Database, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """What the query answers, each time by the newest state."""
    with database.reading() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


ACCOUNT_OF_WEBHOOK = "SELECT account_id FROM webhooks WHERE id = %(id)s"


def tell(database: Database, webhook_id: int, count: int) -> None:
    """As many events that this webhook of its account wants to know of, and no other does."""
    with database.transaction() as transaction:
        transaction.cursor.execute(ACCOUNT_OF_WEBHOOK, {"id": webhook_id})
        account_id = only_row(transaction.cursor)[0]
        happened = [NewEvent(account_id, "job.failed", {"number": number}) for number in range(count)]
        assert len(events.record(transaction.cursor, happened, delivery_attempts=4)) == count
