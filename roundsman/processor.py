"""Processors: functions that work on the tasks of a queue.

    client = Client("http://127.0.0.1:8080", api_key)

    @client.processor("thumbnails", concurrency=4)
    def make_thumbnail(job):
        job.log(f"attempt {job.attempt}")
        for size in job.payload["sizes"]:
            job.raise_if_ended()
            shrink(job.payload["image"], size)
        return {"sizes": len(job.payload["sizes"])}

    client.process()

What the function returns is the task's result. An exception fails the attempt, with its traceback in the task's log,
and the task is tried again as long as it has attempts left. While the function runs, its lease is extended.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from roundsman.processing.hands import Hands
from roundsman.processing.job import Job
from roundsman.processing.options import Options, TaskClient
from roundsman.processing.performing import Handler
from roundsman.processing.polling import take
from roundsman.signals import work_until_end

# An answer that is on its way brings tasks, which nobody would know of for as long as they are leased.
HANGING_UP_SECONDS = 0.4

__all__ = ["Handler", "Job", "Processor", "run_together"]


class Processor:
    """A function and its queue, as `client.processor` makes it; called, it is that function.

    >>> client = Client(url, api_key)
    >>> task = client.queues.push("greetings", {"who": "ada"})
    >>> @client.processor("greetings")
    ... def greet(job):
    ...     greet.stop()  # usually nobody does: it runs until SIGTERM or Ctrl-C
    ...     return f"hello {job.payload['who']}"
    >>> greet.run()
    >>> client.tasks.result(task["id"], seconds=5)
    'hello ada'
    """

    def __init__(self, handler: Handler, options: Options, open_client: Callable[[], TaskClient]) -> None:
        self.options = options
        self._handler = handler
        self._open_client = open_client
        self._stopping = threading.Event()
        self._polling: TaskClient | None = None
        self._hanging_up: threading.Timer | None = None
        functools.update_wrapper(self, handler)

    def __call__(self, job: Job) -> Any:
        return self._handler(job)

    def run(self) -> None:
        """Work until SIGTERM, Ctrl-C (both in the main thread only) or stop().

        Then nothing new is taken; what is in hand has `grace_seconds` to end, and is given back after that, which
        costs it no attempt. Once stopped, it does not run again. Raises ApiError when the service refuses for good.
        """
        run_together([self])

    def stop(self) -> None:
        """End run(), from whatever thread."""
        self._stopping.set()
        if (polling := self._polling) is not None and self._hanging_up is None:
            self._hanging_up = threading.Timer(HANGING_UP_SECONDS, polling.hang_up)
            self._hanging_up.daemon = True
            self._hanging_up.start()

    def work(self) -> None:
        """What run() does, without the signals."""
        hands = Hands(self._handler, self.options, self._open_client)
        untouched = []
        try:
            self._polling = self._open_client()
            untouched = take(self._polling, self.options, hands, self._stopping)
        finally:
            if self._polling is not None:
                self._polling.close()
            hands.finish(untouched)


def run_together(processors: Sequence[Processor]) -> None:
    """Run them all until they have been stopped; when one ends by an error, the others are stopped, too."""

    def stop() -> None:
        for each in processors:
            each.stop()

    errors: list[Exception] = []

    def work(processor: Processor) -> None:
        try:
            processor.work()
        except Exception as error:  # noqa: BLE001 (raised again, in the thread that waits)
            errors.append(error)
            stop()

    threads = [threading.Thread(target=work, args=(each,), daemon=True) for each in processors]
    work_until_end(threads, stop)
    if errors:
        raise errors[0]
