"""A process may have as many files open as it is allowed to ask for."""

import resource
import subprocess
import sys

import pytest

from shared.open_files import MOST, raise_limit
from tests.processes import ROOT

PROGRAM = """
import resource, sys
from shared.open_files import raise_limit

resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
raise_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits_after(soft: int, hard: int) -> list[int]:
    command = [sys.executable, "-c", PROGRAM, str(soft), str(hard)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    return [int(number) for number in ended.stdout.split()]


@pytest.mark.parametrize(("soft", "hard"), [(256, 1_000), (1_000, 1_000)])
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: int) -> None:
    assert limits_after(soft, hard) == [hard, hard]


@pytest.mark.parametrize("hard", [1_000_000_000, resource.RLIM_INFINITY])
def test_a_hard_limit_beyond_all_need_is_not_used_up(monkeypatch: pytest.MonkeyPatch, hard: int) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: asked.append(limits))
    raise_limit()
    assert asked == [(MOST, hard)]
