"""The rules of the house that a machine can check: form, types, imports, and what belongs in shared."""

import os
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PROCESSES = ("api", "worker", "scheduler")
# Modules that are run by name, and hence have no importer.
STARTED_BY_NAME = {"shared.migrate"}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["importlinter.cli", "lint"],
    ],
    ids=["format", "lint", "types", "imports"],
)
def test_the_tree_passes(command: list[str]) -> None:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUTF8": "1"}
    checked = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_in_shared_is_needed_by_two_processes_at_least() -> None:
    graph = grimp.build_graph("api", "worker", "scheduler", "shared")
    lonely = {}
    for module in sorted(graph.find_descendants("shared") - STARTED_BY_NAME):
        if graph.find_children(module):
            continue  # a package; its modules are asked one by one
        users = {name.split(".")[0] for name in graph.find_downstream_modules(module)} & set(PROCESSES)
        if len(users) < 2:
            lonely[module] = users
    assert not lonely, f"move these to the one process that needs them: {lonely}"
