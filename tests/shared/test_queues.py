"""The bell: it carries ids, piles up no further than it must, and costs nothing when Redis is away."""

import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer
from structlog.testing import capture_logs

from shared import queues
from shared.queues import (
    FINISHED_CHANNEL,
    IDS_PER_RING,
    PERFORM,
    QUEUE_NAME,
    RINGS_WAITING,
    TASKS_CHANNEL,
    Bell,
    connect,
)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with connect(redis_url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def bell(redis_url: str, client: redis.Redis) -> Bell:
    return Bell(redis_url)


def rings(client: redis.Redis) -> Queue:
    return Queue(QUEUE_NAME, connection=client, serializer=JSONSerializer)


def test_a_ring_is_a_job_of_rq_that_carries_ids_and_nothing_else(bell: Bell, client: redis.Redis) -> None:
    ids = [uuid4(), uuid4()]
    assert bell.ring(ids) is True
    [job] = rings(client).jobs
    assert (job.func_name, job.args, job.kwargs) == (PERFORM, [[str(id) for id in ids]], {})


def test_a_ring_is_written_as_json_that_runs_no_code_when_read(bell: Bell, client: redis.Redis) -> None:
    id = uuid4()
    bell.ring([id])
    [job] = rings(client).jobs
    data = client.hget(job.key, "data")
    assert JSONSerializer.loads(queues_data(data)) == [PERFORM, None, [[str(id)]], {}]


def queues_data(data: object) -> bytes:
    """RQ compresses what it keeps."""
    assert isinstance(data, bytes)
    return zlib.decompress(data)


def test_rings_that_wait_serve_for_those_that_come_after(bell: Bell) -> None:
    for _ in range(RINGS_WAITING + 3):
        assert bell.ring([uuid4()]) is True
    assert bell.rings_waiting() == RINGS_WAITING


def test_a_ring_for_very_much_work_is_bounded(bell: Bell, client: redis.Redis) -> None:
    bell.ring([uuid4() for _ in range(IDS_PER_RING + 100)])
    [job] = rings(client).jobs
    assert len(job.args[0]) == IDS_PER_RING


def test_a_ring_that_nobody_answers_goes_away_by_itself(bell: Bell, client: redis.Redis) -> None:
    bell.ring([uuid4()])
    [job] = rings(client).jobs
    assert job.ttl == queues.RING_TTL_SECONDS
    assert (job.result_ttl, job.failure_ttl) == (0, queues.RING_TTL_SECONDS)


def test_what_has_ended_is_announced_to_all_who_listen(bell: Bell, client: redis.Redis) -> None:
    ids = [uuid4(), uuid4()]
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(FINISHED_CHANNEL)
        subscription.get_message(timeout=1)
        bell.announce([])
        bell.announce(ids)
        message = next(iter(subscription.listen()))
    assert [UUID(word) for word in message["data"].decode().split()] == ids


def test_queues_with_new_tasks_are_announced_once_each_by_account_and_name(bell: Bell, client: redis.Redis) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(TASKS_CHANNEL)
        subscription.get_message(timeout=1)
        bell.announce_tasks([])
        bell.announce_tasks([(1, "mail"), (2, "a.b_c-d"), (1, "mail")])
        message = next(iter(subscription.listen()))
    assert message["data"] == b"1/mail 2/a.b_c-d"


def test_a_redis_that_is_away_costs_nothing_and_raises_nothing() -> None:
    bell = Bell("unix:///nonexistent/redis.sock")
    began = time.monotonic()
    with capture_logs() as logs:
        assert bell.ring([uuid4()]) is False
        for _ in range(100):
            assert bell.ring([uuid4()]) is False
            bell.announce([uuid4()])
            bell.announce_tasks([(1, "mail")])
    assert time.monotonic() - began < 1
    assert [line["event"] for line in logs] == ["redis_away"]  # left alone after the first failure
    assert bell.answers() is False
    assert bell.rings_waiting() is None


def test_a_bell_rings_again_when_redis_is_back_and_the_silence_is_over(
    redis_url: str, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "SILENCE_SECONDS", 0.0)
    way_to_redis = tmp_path / "redis.sock"
    bell = Bell(f"unix://{way_to_redis}")
    assert bell.ring([uuid4()]) is False
    way_to_redis.symlink_to(redis_url.removeprefix("unix://"))
    assert bell.ring([uuid4()]) is True
    assert len(rings(client).jobs) == 1


def test_a_redis_that_hangs_holds_up_no_more_than_half_a_second(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "redis.sock"))
        mute.listen()
        bell = Bell(f"unix://{tmp_path / 'redis.sock'}")
        began = time.monotonic()
        assert bell.ring([uuid4()]) is False
        assert time.monotonic() - began < 1.5
