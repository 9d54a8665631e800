"""The examples in the docstrings of the client and of the commands."""

import doctest
import importlib
import pkgutil

import pytest

import roundsman.commands
import roundsman.definitions

MODULES = [
    *(
        "roundsman.address",
        "roundsman.errors",
        "roundsman.json_bytes",
        "roundsman.schedule_rendering",
        "roundsman.webhooks",
    ),
    *("roundsman.arrival_rendering", "roundsman.attempt_rendering"),
    *("roundsman.job_rendering", "roundsman.task_rendering", "roundsman.webhook_rendering"),
    *("roundsman.checklist", "roundsman.checking.flow_run", "roundsman.checking.serving", "roundsman.checking.values"),
    "roundsman.processing.texts",
] + [
    module.name
    for package in (roundsman.commands, roundsman.definitions)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_every_example_says_what_happens(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES) >= 9
