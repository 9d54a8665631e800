"""A program with a processor: what its tasks say is what it does, and it says when it begins and ends each.

    python -m tests.reliability.external_worker QUEUE CONCURRENCY LEASE_SECONDS GRACE_SECONDS

A payload, or the variables of a checklist whose run is to be observed, may hold `until`, a file for which the task
waits, and `result`, JSON as text; a task that `lingers` ends when its time is over.
"""

import json
import os
import sys
import threading
from pathlib import Path

from roundsman import Client, Job

LONGEST_SECONDS = 60.0
LOOK_SECONDS = 0.02


def main(queue: str, concurrency: str, lease_seconds: str, grace_seconds: str) -> None:
    client = Client(os.environ["ROUNDSMAN_URL"], os.environ["ROUNDSMAN_API_KEY"])

    @client.processor(
        queue, concurrency=int(concurrency), lease_seconds=int(lease_seconds), grace_seconds=float(grace_seconds)
    )
    def work(job: Job) -> object:
        wanted = job.payload.get("variables", job.payload)
        say(f"begun {job.id}")
        if wanted.get("lingers"):
            job.timed_out.wait(LONGEST_SECONDS)
        if "until" in wanted:
            wait_for(Path(wanted["until"]))
        say(f"done {job.id}")
        return json.loads(wanted.get("result", "null"))

    client.process()
    say("ended")


def wait_for(path: Path) -> None:
    never = threading.Event()
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        if path.exists():
            return
        never.wait(LOOK_SECONDS)
    raise TimeoutError(f"there was no {path} within {LONGEST_SECONDS:g} s")


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())  # in one piece, whoever else writes


if __name__ == "__main__":
    main(*sys.argv[1:])
