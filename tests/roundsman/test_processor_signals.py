"""A program with a processor and the signals that end it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.roundsman.stub_service import HANGING, StubService, ok
from tests.roundsman.task_objects import a_done_task, a_failed_task, a_lease, a_popped_task, a_task
from tests.roundsman.test_client_tasks import ACK, EXTEND, FAIL, POP, RELEASE

PROGRAM = Path(__file__).parent / "run_processor.py"


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        POP: [ok({"tasks": [a_popped_task()]}), HANGING],
        ACK: ok(a_done_task()),
        FAIL: ok(a_failed_task()),
        EXTEND: ok(a_lease()),
        RELEASE: ok(a_task()),
    }
    with StubService(answers) as stub:
        yield stub


@contextmanager
def program(service: StubService, grace_seconds: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PROGRAM), service.url, grace_seconds]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order_while_it_waits_for_tasks(service, number):
    with program(service, "8") as process:
        assert process.stdout.readline() == "begun\n"
        assert service.being_asked.wait(10)
        process.send_signal(number)
        output, errors = process.communicate(timeout=5)
    assert (process.returncode, output) == (0, "ended\n")
    assert f"{number.name}: ending" in errors
    assert "Traceback" not in errors
    assert service.asked_for(ACK)[0].body["result"] == "sent"


def test_what_does_not_end_within_the_grace_is_given_back_and_does_not_hold_up_the_end(service):
    with program(service, "0") as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=5)
    assert (process.returncode, output) == (0, "ended\n")
    assert len(service.asked_for(RELEASE)) == 1
    assert service.asked_for(FAIL) == []
