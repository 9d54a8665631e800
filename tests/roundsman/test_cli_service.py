"""The commands that become a process of the service."""

import os
import subprocess
import sys

import pytest

from roundsman.local.options import UpOptions
from tests.roundsman.command_line import typed


@pytest.mark.parametrize(
    ("typed_arguments", "module_arguments"),
    [
        (["migrate"], ["shared.migrate"]),
        (["api"], ["api"]),
        (["scheduler"], ["scheduler"]),
        (["worker"], ["worker"]),
        (["worker", "--concurrency", "8"], ["worker", "--concurrency=8"]),
        (["prune"], ["scheduler.retention"]),
        (["keys", "create"], ["api.keys", "create", "--name=default"]),
        (["keys", "create", "--name", "-x y"], ["api.keys", "create", "--name=-x y"]),
    ],
)
def test_a_command_becomes_its_module_in_the_same_interpreter(monkeypatch, typed_arguments, module_arguments):
    became = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: became.append((program, list(arguments))))
    assert typed(*typed_arguments, environment={}).exit_code == 0
    assert became == [(sys.executable, [sys.executable, "-P", "-m", *module_arguments])]


def test_it_really_is_the_same_process():
    command = [sys.executable, "-m", "roundsman.cli", "keys", "create", "--name", ""]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "roundsman keys: error: --name must be 1 to 200 characters" in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker", "--concurrency", "0"],
        ["worker", "--concurrency", "many"],
        ["up", "--port", "0"],
        ["up", "--port", "65536"],
        ["up", "--workers", "0"],
        ["migrate", "--now"],
        ["dance"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(monkeypatch, arguments):
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("it went on"))
    result = typed(*arguments, environment={})
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_up_is_given_its_options_and_its_exit_code_is_ours(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr("roundsman.up.up", lambda options: given.append(options) or 1)
    assert typed("up", environment={}).exit_code == 1
    options = ["--host", "127.0.0.2", "--port", "81", "--data-dir", str(tmp_path), "--workers", "3", "--demo"]
    typed("up", *options, environment={})
    assert given == [UpOptions(), UpOptions("127.0.0.2", 81, tmp_path, 3, demo=True)]


def test_the_version_is_told():
    assert typed("--version", environment={}).stdout == "roundsman 0.1.0\n"


@pytest.mark.parametrize(
    "command",
    [
        *("up", "run", "accept", "apply", "runs", "show", "checklists", "worker", "keys"),
        *("jobs", "jobs create", "webhooks", "webhooks listen", "deliveries", "deliveries replay", "events"),
    ],
)
def test_every_command_explains_itself(command):
    result = typed(*command.split(), "--help", environment={})
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
