"""Running a processor in a test: in a thread, stopped when the block ends, within a time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from roundsman.processor import Processor

LONGEST_SECONDS = 20.0


class RunningProcessor:
    """What became of it."""

    def __init__(self, run: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._run = run
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, seconds: float = LONGEST_SECONDS) -> None:
        """Until it has ended by itself; fails when it does not."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the processor does not end"

    def _work(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 (the test looks at it)
            self.error = error


@contextmanager
def running(processor: Processor) -> Iterator[RunningProcessor]:
    running = RunningProcessor(processor.run)
    running.start()
    try:
        yield running
    finally:
        processor.stop()
        running.wait()
