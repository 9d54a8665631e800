"""What takes too long is noticed; what does not is left alone, and costs no thread for long."""

import threading

import pytest

from roundsman import deadlines
from roundsman.deadlines import Deadlines


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "roundsman-deadlines"]


def test_what_takes_too_long_is_noticed_while_it_goes_on():
    noticed = threading.Event()
    with Deadlines().within(0.02, noticed.set):
        assert noticed.wait(10)


def test_what_ends_in_time_is_left_alone_although_others_are_not():
    all_of_them, first, later = Deadlines(), threading.Event(), threading.Event()
    with all_of_them.within(0.01, first.set):
        pass
    # By the time that this one is due, the first would have been.
    with all_of_them.within(0.03, later.set):
        assert later.wait(10)
    assert not first.is_set()


def test_one_that_is_due_before_those_that_are_looked_after_is_noticed_in_time():
    all_of_them, soon = Deadlines(), threading.Event()
    with all_of_them.within(3_600, lambda: pytest.fail("an hour is not over")), all_of_them.within(0.02, soon.set):
        assert soon.wait(10)


def test_one_thread_is_enough_and_ends_when_there_is_nothing_to_look_after(monkeypatch):
    monkeypatch.setattr(deadlines, "IDLE_SECONDS", 0.05)
    before = watchers()
    all_of_them = Deadlines()
    with all_of_them.within(0.2, lambda: None), all_of_them.within(0.2, lambda: None):
        [watcher] = set(watchers()) - set(before)
    watcher.join(10)
    assert not watcher.is_alive()
    noticed = threading.Event()
    with all_of_them.within(0.01, noticed.set):
        assert noticed.wait(10)
