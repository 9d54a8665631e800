"""Taking tasks from a queue, for as long as nobody says stop, whether the service is there or not."""

import logging
import random
import threading
import time
from uuid import uuid4

from roundsman.errors import ApiError, OverLimit, RoundsmanError, ServerUnreachable, Unavailable, UnexpectedAnswer
from roundsman.processing.hands import Hands
from roundsman.processing.options import Options, TaskClient
from roundsman.resources.task_shapes import PoppedTask

log = logging.getLogger("roundsman.processor")

WAIT_SECONDS = 20
FREE_LOOK_SECONDS = 0.2
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
LONGEST_ASKED_PAUSE_SECONDS = 60.0
# A service that waits as it is asked to says much later that there is nothing.
SOON_SECONDS = 1.0


def take(client: TaskClient, options: Options, hands: Hands, stopping: threading.Event) -> list[PoppedTask]:
    """Take tasks into the hands until it is stopping; those that came too late for that.

    A service that is away is asked again, ever less often. Raises ApiError when it refuses for good.
    """
    while not stopping.is_set():
        free = hands.wait_for_free(FREE_LOOK_SECONDS)
        if free == 0:
            continue
        began = time.monotonic()
        tasks, was_repeated = _pop(client, options, free, stopping)
        if stopping.is_set():
            return tasks
        for task in tasks:
            hands.begin(task, lease_is_old=was_repeated)
        if not tasks:
            stopping.wait(began + SOON_SECONDS - time.monotonic())
    return []


def _pop(client: TaskClient, options: Options, most: int, stopping: threading.Event) -> tuple[list[PoppedTask], bool]:
    """The answer to one pop, and whether it had to be asked for again: the same key brings the same tasks."""
    key = str(uuid4())
    pause = FIRST_PAUSE_SECONDS
    is_away = False
    while not stopping.is_set():
        try:
            tasks = client.queues.pop(
                options.queue,
                most=most,
                lease_seconds=options.lease_seconds,
                wait_seconds=WAIT_SECONDS,
                worker=options.worker_name,
                idempotency_key=key,
                patience_seconds=0,
            )
        except RoundsmanError as error:
            if stopping.is_set():
                break
            if not _passes(error):
                raise
            if not is_away:
                log.warning("queue %s: %s; asking again until it is back", options.queue, error)
            is_away = True
            stopping.wait(max(pause * random.uniform(0.5, 1), _asked_pause(error)))  # noqa: S311 (no secret: so that not all come at once)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            if is_away:
                log.warning("queue %s: the service is back", options.queue)
            return tasks, is_away
    return [], is_away


def _passes(error: RoundsmanError) -> bool:
    """Whether it may be over by itself."""
    if isinstance(error, ServerUnreachable | UnexpectedAnswer | Unavailable | OverLimit):
        return True
    return isinstance(error, ApiError) and error.status >= 500


def _asked_pause(error: RoundsmanError) -> float:
    seconds = error.retry_after_seconds if isinstance(error, ApiError) else None
    return min(seconds or 0.0, LONGEST_ASKED_PAUSE_SECONDS)
