"""The commands that become a process of the service."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from roundsman.local.data_directory import locked
from roundsman.local.options import UpOptions
from roundsman.local.running import tell_servers
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
    monkeypatch.setattr(os, "execve", lambda program, arguments, _environment: became.append((program, arguments)))
    assert typed(*typed_arguments, environment={}).exit_code == 0
    assert became == [(sys.executable, (sys.executable, "-P", "-m", *module_arguments))]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """The environments of what commands became."""
    environments: list[Mapping[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _program, _arguments, environment: environments.append(environment))
    return environments


SERVERS = {"DATABASE_URL": "postgresql://postgres@/roundsman?host=/x", "REDIS_URL": "unix:///x/redis.sock"}
NONE_SET = {"DATABASE_URL": None, "REDIS_URL": None}


@pytest.mark.parametrize("command", [["prune"], ["keys", "create"]])
def test_what_is_for_a_service_that_runs_finds_its_servers_in_its_data_directory(
    became: list[Mapping[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "roundsman-data"
    with locked(directory):
        tell_servers(directory, SERVERS)
        assert typed(*command, environment=NONE_SET).exit_code == 0
        assert typed(*command, environment={**NONE_SET, "DATABASE_URL": "postgresql:///mine"}).exit_code == 0
        monkeypatch.chdir("/")
        elsewhere = typed(*command, "--data-dir", str(directory), environment={**NONE_SET, "DATABASE_URL": "mine"})
        assert elsewhere.exit_code == 0
    urls = [each["DATABASE_URL"] for each in became]
    assert urls == [SERVERS["DATABASE_URL"], "postgresql:///mine", SERVERS["DATABASE_URL"]]
    assert became[0]["REDIS_URL"] == SERVERS["REDIS_URL"]


@pytest.mark.parametrize("is_left_over", [False, True])
def test_without_a_service_that_runs_it_says_what_to_do(
    became: list[Mapping[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_left_over: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "roundsman-data"
    if is_left_over:
        with locked(directory):
            tell_servers(directory, SERVERS)
    tried = typed("prune", environment=NONE_SET)
    assert "no `roundsman up` of yours runs on" in tried.stderr
    assert "--data-dir names another directory, DATABASE_URL another database" in tried.stderr
    assert "DATABASE_URL" not in became[0]
    refused = typed("prune", "--data-dir", str(directory), environment=NONE_SET)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: no `roundsman up` of yours runs on ")
    assert len(became) == 1


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
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it went on"))
    result = typed(*arguments, environment={})
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_up_is_given_its_options_and_its_exit_code_is_ours(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr("roundsman.up.up", lambda options: given.append(options) or 1)
    assert typed("up", environment={}).exit_code == 1
    set_by_environment = {"ROUNDSMAN_HOST": "127.0.0.3", "ROUNDSMAN_PORT": "9000"}
    typed("up", environment=set_by_environment)
    typed("up", "--port", "9001", environment=set_by_environment)
    options = ["--host", "127.0.0.2", "--port", "81", "--data-dir", str(tmp_path), "--workers", "3", "--demo"]
    typed("up", *options, environment={})
    assert given == [
        UpOptions(),
        UpOptions("127.0.0.3", 9000),
        UpOptions("127.0.0.3", 9001),
        UpOptions("127.0.0.2", 81, tmp_path, 3, demo=True),
    ]


def test_a_port_of_the_environment_that_is_none_is_a_usage_error(monkeypatch):
    monkeypatch.setattr("roundsman.up.up", lambda _options: pytest.fail("it went on"))
    result = typed("up", environment={"ROUNDSMAN_PORT": "many"})
    assert result.exit_code == 2
    assert "ROUNDSMAN_PORT" in result.stderr


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
