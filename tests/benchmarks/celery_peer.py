"""What a Celery worker does in the comparison: count that the task has come."""

import os

import redis
from celery import Celery

URL = os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1")
ARRIVED = "peer:arrived"

app = Celery("tests.benchmarks.celery_peer", broker=URL)
app.conf.update(worker_prefetch_multiplier=0, task_ignore_result=True, broker_connection_retry_on_startup=True)
client = redis.Redis.from_url(URL)


@app.task
def arrived() -> None:
    client.incr(ARRIVED)
