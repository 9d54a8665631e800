"""The signals that end a program, while it listens to them and afterwards."""

import signal
import threading
from collections.abc import Iterator

import pytest

from roundsman import signals
from roundsman.signals import ended_by_signals

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def usual() -> Iterator[list[signal.Signals]]:
    """What each of them does otherwise: it is noted here."""
    noted: list[signal.Signals] = []

    def note(number: int, _frame: object) -> None:
        noted.append(signal.Signals(number))

    before = {number: signal.signal(number, note) for number in NUMBERS}
    yield noted
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_in_there_a_signal_is_told_each_time_and_afterwards_it_is_what_it_was(usual, number):
    told: list[signal.Signals] = []
    with ended_by_signals(told.append):
        signal.raise_signal(number)
        signal.raise_signal(number)
    signal.raise_signal(number)
    assert (told, usual) == ([number, number], [number])


def test_a_second_one_is_what_it_is_otherwise_if_that_is_wanted(usual):
    told: list[signal.Signals] = []
    with ended_by_signals(told.append, second_is_usual=True):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert (told, usual) == ([signal.SIGTERM], [signal.SIGINT])


def test_the_end_of_a_terminal_that_is_ignored_as_nohup_has_it_stays_so(usual):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    told: list[signal.Signals] = []
    with ended_by_signals(told.append):
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert told + usual == []


def test_what_was_not_there_to_be_stopped_when_the_signal_came_is_stopped_later(monkeypatch):
    monkeypatch.setattr(signals, "LOOK_SECONDS", 0.01)
    stopped = threading.Event()
    calls: list[bool] = []

    def stop() -> None:
        calls.append(True)
        if len(calls) == 2:
            stopped.set()

    def work() -> None:
        signal.raise_signal(signal.SIGTERM)
        stopped.wait(10)

    signals.work_until_end([threading.Thread(target=work, daemon=True)], stop)
    assert stopped.is_set()


def test_another_thread_leaves_the_signals_alone(usual):
    told: list[signal.Signals] = []
    entered, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with ended_by_signals(told.append):
            entered.set()
            go_on.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(10)
    signal.raise_signal(signal.SIGTERM)
    go_on.set()
    thread.join(10)
    assert (told, usual) == ([], [signal.SIGTERM])
