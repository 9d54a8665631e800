"""The lines of those who wait for tasks, without a service around them: who looks, when, and who is served first."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api import task_lines
from api.announcements import Announcements
from api.task_lines import TaskLines
from shared.queues import TASKS_CHANNEL
from tests.processes import wait_until

QUEUE = (1, "letters")


class Told(Announcements):
    """Announcements of the test itself."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1")

    def listen(self) -> None:
        pass

    def tell(self, text: str) -> None:
        self._listeners[TASKS_CHANNEL](text)


class Shelf:
    """What there is to be popped, and how often somebody looked for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tasks: list[str] = []
        self.attempts = 0
        self.questions = 0
        self.due_in: float | None = None

    def put(self, *tasks: str) -> None:
        with self.lock:
            self.tasks += tasks

    def pop(self) -> list[str]:
        with self.lock:
            self.attempts += 1
            return [self.tasks.pop(0)] if self.tasks else []

    def seconds_until_due(self) -> float | None:
        with self.lock:
            self.questions += 1
            return 0.0 if self.tasks else self.due_in


class Place:
    """A queue at which clients of the test wait, each in its own thread."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.told = Told()
        self.lines = TaskLines(self.told)
        self.shelf = Shelf()

    def join(
        self, seconds: float = 20, has_hung_up: Callable[[], bool] = lambda: False, *, queue: tuple[int, str] = QUEUE
    ) -> "Future[list[str]]":
        """One more client, when it stands in line."""
        length = self.lines.length(queue)
        waiting = self.pool.submit(
            self.lines.wait,
            queue,
            self.shelf.pop,
            seconds_until_due=self.shelf.seconds_until_due,
            has_hung_up=has_hung_up,
            seconds=seconds,
        )
        wait_until(lambda: waiting.done() or self.lines.length(queue) > length, "it stands in line")
        return waiting


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Where nobody looks unless there is a reason to."""
    monkeypatch.setattr(task_lines, "LONGEST_LOOK_SECONDS", 60.0)
    with ThreadPoolExecutor(40) as pool:
        place = Place(pool)
        yield place
        place.lines.close()


def test_who_waits_is_woken_by_what_is_told(place: Place) -> None:
    waiting = place.join()
    place.shelf.put("a")
    place.told.tell("1/letters")
    assert waiting.result(5) == ["a"]
    assert place.lines.length(QUEUE) == 0


def test_clients_are_served_in_the_order_in_which_they_came(place: Place) -> None:
    waiting = [place.join() for _ in range(20)]
    for number, client in enumerate(waiting):
        place.shelf.put(f"task {number}")
        place.told.tell("1/letters")
        assert client.result(5) == [f"task {number}"]
        assert not any(later.done() for later in waiting[number + 1 :])


def test_many_tasks_told_of_once_reach_all_who_wait(place: Place) -> None:
    waiting = [place.join() for _ in range(30)]
    place.shelf.put(*(str(number) for number in range(30)))
    place.told.tell("1/letters")
    served = [client.result(5)[0] for client in waiting]
    assert sorted(served, key=int) == [str(number) for number in range(30)]


def test_only_the_foremost_looks(place: Place) -> None:
    waiting = [place.join() for _ in range(20)]
    wait_until(lambda: place.shelf.questions == 1, "the first has asked")
    place.shelf.put("a")
    place.told.tell("1/letters")
    assert waiting[0].result(5) == ["a"]
    wait_until(lambda: place.shelf.questions == 2, "the next has looked as well: there might have been two")
    assert place.shelf.attempts == 2
    place.told.tell("1/letters")
    wait_until(lambda: place.shelf.questions == 3, "it has looked once more")
    assert place.shelf.attempts == 3


def test_what_is_told_of_other_queues_and_of_other_accounts_wakes_nobody(place: Place) -> None:
    waiting = place.join()
    wait_until(lambda: place.shelf.questions == 1, "the first has asked")
    place.told.tell("1/parcels 2/letters 11/letters x/letters letters / 1 1/ -1/letters ١/letters")
    place.shelf.put("a")
    place.told.tell("1/letters")
    assert waiting.result(5) == ["a"]
    assert place.shelf.attempts == 1


def test_the_foremost_looks_at_the_instant_at_which_a_task_is_due(place: Place) -> None:
    place.shelf.due_in = 0.05
    waiting = place.join()
    place.shelf.put("a")
    assert waiting.result(5) == ["a"]


def test_without_being_told_the_foremost_looks_all_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_lines, "LONGEST_LOOK_SECONDS", 0.02)
    waiting = [place.join(), place.join()]
    wait_until(lambda: place.shelf.questions >= 3, "it has looked some times")
    assert place.shelf.attempts == 0
    place.shelf.put("a", "b")
    assert [client.result(5) for client in waiting] == [["a"], ["b"]]


def test_who_waited_in_vain_gets_nothing_and_the_next_is_the_first(place: Place) -> None:
    assert place.join(seconds=0.05).result(5) == []
    short, long = place.join(seconds=0.05), place.join()
    assert short.result(5) == []
    place.shelf.put("a")
    place.told.tell("1/letters")
    assert long.result(5) == ["a"]


def test_who_has_hung_up_gets_nothing_and_the_next_does(place: Place) -> None:
    gone = threading.Event()
    hung_up = place.join(has_hung_up=gone.is_set)
    waiting = place.join()
    gone.set()
    place.shelf.put("a")
    place.told.tell("1/letters")
    assert hung_up.result(5) == []
    assert waiting.result(5) == ["a"]


def test_an_accident_of_one_leaves_the_others_in_line(place: Place) -> None:
    def fail() -> bool:
        if alarm.is_set():
            raise ConnectionError("away")
        return False

    alarm = threading.Event()
    unlucky, waiting = place.join(has_hung_up=fail), place.join()
    alarm.set()
    place.shelf.put("a")
    place.told.tell("1/letters")
    with pytest.raises(ConnectionError):
        unlucky.result(5)
    assert waiting.result(5) == ["a"]


def test_when_the_process_is_to_end_nobody_waits_any_longer(place: Place) -> None:
    waiting = [place.join() for _ in range(5)]
    place.lines.close()
    assert [client.result(5) for client in waiting] == [[]] * 5
    assert place.join().result(5) == []


def test_while_tasks_come_and_clients_come_and_go_each_task_is_given_once(place: Place) -> None:
    served: list[str] = []

    def consume() -> None:
        while not done.is_set():
            served.extend(
                place.lines.wait(
                    QUEUE,
                    place.shelf.pop,
                    seconds_until_due=place.shelf.seconds_until_due,
                    has_hung_up=lambda: False,
                    seconds=5,
                )
            )

    done = threading.Event()
    consumers = [place.pool.submit(consume) for _ in range(30)]
    for number in range(3_000):
        place.shelf.put(str(number))
        place.told.tell("1/letters")
    wait_until(lambda: len(served) == 3_000, "all are served")
    done.set()
    place.lines.close()
    for consumer in consumers:
        consumer.result(5)
    assert sorted(served, key=int) == [str(number) for number in range(3_000)]
