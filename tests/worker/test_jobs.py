"""What RQ may call: answering a ring, and nothing else, whatever is written into Redis."""

import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from shared.queues import PERFORM, QUEUE_NAME, Bell, connect
from worker import jobs
from worker.ring_worker import RingWorker


class RecordingRounds:
    """Takes note of being asked to look."""

    def __init__(self, *, is_calm: bool = True) -> None:
        self.looks = 0
        self._is_calm = is_calm

    def look(self) -> None:
        self.looks += 1

    def wait_until_calm(self, timeout_seconds: float) -> bool:
        return self._is_calm


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with connect(redis_url, timeout_seconds=5) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> RecordingRounds:
    recording = RecordingRounds()
    monkeypatch.setattr(jobs, "_rounds", recording)
    monkeypatch.setattr(jobs, "_stopping", threading.Event())
    return recording


def queue(client: redis.Redis) -> Queue:
    return Queue(QUEUE_NAME, connection=client, serializer=JSONSerializer)


class DeafWorker(RingWorker):
    """Takes no commands through Redis: ending their subscription takes RQ a second."""

    def subscribe(self) -> None:
        pass

    def unsubscribe(self) -> None:
        pass


def work_off(client: redis.Redis) -> None:
    """Let a worker do all that is in the queue."""
    DeafWorker(client, "test", threading.Event()).work(burst=True, logging_level="CRITICAL")


def test_a_ring_makes_the_rounds_look_for_work(client: redis.Redis, redis_url: str, rounds: RecordingRounds) -> None:
    Bell(redis_url).ring([])
    work_off(client)
    assert rounds.looks == 1
    assert queue(client).count == 0


@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "worker.jobs.serve", "worker.jobs.Ring", "", "x"])
def test_a_job_that_names_another_function_is_refused(
    client: redis.Redis, rounds: RecordingRounds, tmp_path: Path, function: str
) -> None:
    mark = tmp_path / "was-here"
    job = queue(client).enqueue_call(function or "none", args=(f"touch {mark}",))
    if not function:
        client.hset(job.key, "data", zlib.compress(json.dumps(["", None, [], {}]).encode()))
    work_off(client)
    assert not mark.exists()
    assert rounds.looks == 0
    assert queue(client).failed_job_registry.get_job_ids() == [job.id]


@pytest.mark.parametrize("instance", ["os", 1, {"a": 1}])
def test_a_job_that_names_a_method_of_something_calls_no_method(
    client: redis.Redis, rounds: RecordingRounds, instance: Any
) -> None:
    job = queue(client).enqueue_call("system", args=("true",))
    client.hset(job.key, "data", zlib.compress(json.dumps(["system", instance, ["true"], {}]).encode()))
    work_off(client)
    assert queue(client).failed_job_registry.get_job_ids() == [job.id]


@pytest.mark.parametrize("occasion", ["on_success", "on_failure", "on_stopped"])
@pytest.mark.parametrize("function", [PERFORM, "os.none"])
def test_callbacks_are_never_called(client: redis.Redis, rounds: RecordingRounds, occasion: str, function: str) -> None:
    called = "tests.worker.test_jobs.must_not_be_called"
    queue(client).enqueue_call(function, args=([],), **{occasion: Callback(called)})
    CALLS.clear()
    work_off(client)
    assert CALLS == []


CALLS: list[Any] = []


def must_not_be_called(*arguments: Any) -> None:
    CALLS.append(arguments)


@pytest.mark.parametrize(
    "data", [b"", b"garbage", zlib.compress(b"garbage"), zlib.compress(b"\x80\x04N."), zlib.compress(b"[]")]
)
def test_a_job_that_cannot_be_read_does_not_end_the_worker(
    client: redis.Redis, redis_url: str, rounds: RecordingRounds, data: bytes
) -> None:
    job = queue(client).enqueue_call(PERFORM, args=([],))
    client.hset(job.key, "data", data)
    Bell(redis_url).ring([])
    work_off(client)
    assert rounds.looks == 1


def test_an_id_without_a_job_does_not_end_the_worker(
    client: redis.Redis, redis_url: str, rounds: RecordingRounds
) -> None:
    client.rpush(queue(client).key, "no-such-job")
    Bell(redis_url).ring([])
    work_off(client)
    assert rounds.looks == 1


def test_the_function_of_a_ring_is_ours_and_it_has_no_callback(client: redis.Redis) -> None:
    job = jobs.Ring.create(PERFORM, args=([],), connection=client, serializer=JSONSerializer)
    assert job.func is jobs.perform
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
    assert issubclass(jobs.Ring, Job)


def test_answering_a_ring_ends_when_the_process_is_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    restless, stopping = RecordingRounds(is_calm=False), threading.Event()
    stopping.set()
    monkeypatch.setattr(jobs, "_rounds", restless)
    monkeypatch.setattr(jobs, "_stopping", stopping)
    jobs.perform([])
    assert restless.looks == 1


def test_answering_a_ring_ends_after_a_while_though_there_is_more_to_do(
    rounds: RecordingRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_is_calm", False)
    monkeypatch.setattr(jobs, "ANSWER_SECONDS", 0.01)
    jobs.perform([])
    assert rounds.looks == 1


def test_a_process_that_makes_no_rounds_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_rounds", None)
    with pytest.raises(RuntimeError, match="roundsman worker"):
        jobs.perform([])
