"""What people would use instead: the same POST as a job of Dramatiq, and as a job of RQ."""

import os
import threading

import dramatiq
import requests
from dramatiq.brokers.redis import RedisBroker
from redis import Redis
from rq import Queue, Worker

PAYLOAD = {"order": 1234567, "state": "paid", "note": "x" * 150}
_local = threading.local()

broker = RedisBroker(url=os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1:6379/0"))
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=0)
def call(url: str) -> None:
    """One POST, with a session for each thread."""
    session = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
    session.post(url, json=PAYLOAD, timeout=30).raise_for_status()


def call_for_rq(url: str) -> None:
    """One POST in a forked work horse: no session outlives it."""
    requests.post(url, json=PAYLOAD, timeout=30).raise_for_status()


def main() -> None:
    """A stock RQ worker, with everything its jobs need imported before it forks."""
    connection = Redis.from_url(os.environ["PEER_REDIS_URL"])
    Worker([Queue("peer", connection=connection)], connection=connection).work(burst=True, logging_level="WARNING")


if __name__ == "__main__":
    main()
