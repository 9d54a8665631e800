"""Running a processor in a test: in a thread, stopped when the block ends, within a time; and a service for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from roundsman.processor import Processor
from tests.processes import wait_until
from tests.roundsman.stub_service import HANGING, Answer, StubService, ok
from tests.roundsman.task_objects import TASK_ID, a_done_task, a_failed_task, a_lease, a_popped_task, a_task
from tests.roundsman.test_client_tasks import ACK, EXTEND, FAIL, LOG, POP, RELEASE

LONGEST_SECONDS = 20.0

OTHER_ID = TASK_ID.replace("b1", "b2")
OTHER_FAIL = FAIL.replace(TASK_ID, OTHER_ID)
OTHER_RELEASE = RELEASE.replace(TASK_ID, OTHER_ID)
OTHER_ACK = ACK.replace(TASK_ID, OTHER_ID)


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


def popped(*tasks: dict[str, Any]) -> Answer:
    return ok({"tasks": list(tasks) or [a_popped_task()]})


def a_service_with_one_task() -> StubService:
    """It takes what becomes of that one, and of another."""
    answers: dict[str, Any] = {
        POP: [popped(), HANGING],
        ACK: ok(a_done_task()),
        OTHER_ACK: ok(a_done_task(id=OTHER_ID)),
        FAIL: ok(a_failed_task()),
        OTHER_FAIL: ok(a_failed_task(id=OTHER_ID)),
        EXTEND: ok(a_lease()),
        LOG: ok(a_lease()),
        RELEASE: ok(a_task()),
        OTHER_RELEASE: ok(a_task(id=OTHER_ID)),
    }
    return StubService(answers)


def told(service: StubService, route: str, times: int = 1) -> list[Any]:
    """The bodies that came there, waited for."""
    wait_until(lambda: len(service.asked_for(route)) >= times, f"{route} is asked for")
    return [each.body for each in service.asked_for(route)]
