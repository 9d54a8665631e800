"""The files for running the parts one by one: in containers, or under a process manager."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import VARIABLES

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "api", "scheduler", "worker")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return services


def test_compose_starts_the_servers_and_every_process(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "redis", *OURS}
    assert services["postgres"]["image"] == "postgres:16"
    assert services["redis"]["image"] == "redis:7"


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_module_that_exists_with_settings_that_exist(services: dict[str, Any], name: str) -> None:
    python, flag, module = services[name]["command"]
    assert (python, flag) == ("python", "-m")
    assert importlib.util.find_spec(module) is not None
    assert set(services[name]["environment"]) <= set(VARIABLES)


@pytest.mark.parametrize("name", ["api", "scheduler", "worker"])
def test_a_process_waits_for_its_servers_and_the_migration_and_is_restarted(
    services: dict[str, Any], name: str
) -> None:
    assert {other: how["condition"] for other, how in services[name]["depends_on"].items()} == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }
    assert services[name]["restart"] == "unless-stopped"
    assert "healthcheck" in services["postgres"]
    assert "healthcheck" in services["redis"]


def test_the_migration_runs_once(services: dict[str, Any]) -> None:
    assert services["migrate"]["restart"] == "no"
    assert set(services["migrate"]["depends_on"]) == {"postgres"}


def test_only_the_api_is_reachable_and_from_this_machine_only(services: dict[str, Any]) -> None:
    assert [name for name in services if "ports" in services[name]] == ["api"]
    assert services["api"]["ports"] == ["127.0.0.1:8080:8080"]


def test_the_image_is_not_run_by_root(services: dict[str, Any]) -> None:
    lines = services["api"]["build"]["dockerfile_inline"].splitlines()
    assert lines[0] == "FROM python:3.12-slim"
    assert lines.index("USER roundsman") > lines.index("RUN pip install --no-cache-dir .")


def test_every_package_goes_into_the_image() -> None:
    kept = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert {"pyproject.toml", "README.md", "api", "roundsman", "scheduler", "shared", "worker"} <= kept


def test_the_procfile_names_modules_that_exist() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    modules = {re.fullmatch(r"(\w+): python -m (\w+)", line).groups() for line in lines}  # type: ignore[union-attr]  # None fails the test
    assert modules == {("api", "api"), ("scheduler", "scheduler"), ("worker", "worker")}
    assert all(importlib.util.find_spec(module) for _, module in modules)
