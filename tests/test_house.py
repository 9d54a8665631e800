"""The rules of the house that a machine can check: form, types, imports, and what belongs in shared."""

import os
import shutil
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
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "ruff", "check", "."],
        ["-m", "mypy"],
        # Run as a module it does nothing, and says that all is well.
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    ],
    ids=["format", "lint", "types", "imports"],
)
def test_the_tree_passes(command: list[str]) -> None:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUTF8": "1"}
    checked = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_import_that_breaks_a_contract_is_found(tmp_path: Path) -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    for package in ("api", "worker", "scheduler", "shared", "roundsman"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "scheduler" / "intruder.py").write_text("import worker.rounds\n")
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "scheduler.intruder" in checked.stdout


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
