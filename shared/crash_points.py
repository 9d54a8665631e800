"""Places where a process can be made to die, so that tests prove what survives."""

import os
import signal
from enum import StrEnum


class CrashPoint(StrEnum):
    """Every named place; a test is parametrised over them, so a new one without a test fails."""

    API_BEFORE_COMMIT = "api.before_commit"
    API_AFTER_COMMIT = "api.after_commit"
    WORKER_AFTER_CLAIM = "worker.after_claim"
    WORKER_BEFORE_REQUEST = "worker.before_request"
    WORKER_AFTER_RESPONSE = "worker.after_response"
    WORKER_BEFORE_COMMIT = "worker.before_commit"
    WORKER_AFTER_COMMIT = "worker.after_commit"
    SCHEDULER_BEFORE_FIRING_COMMIT = "scheduler.before_firing_commit"
    SCHEDULER_AFTER_FIRING_COMMIT = "scheduler.after_firing_commit"
    SCHEDULER_BEFORE_COMMIT = "scheduler.before_commit"
    SCHEDULER_AFTER_COMMIT = "scheduler.after_commit"


_chosen = os.environ.get("ROUNDSMAN_CRASH_POINT", "")


def reach(point: CrashPoint) -> None:
    """Die here, as by kill -9, if the environment named this point."""
    if _chosen and _chosen == point:
        os.kill(os.getpid(), signal.SIGKILL)
