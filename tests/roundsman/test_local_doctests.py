"""The examples in the docstrings of `roundsman up`."""

import doctest
import importlib
import pkgutil

import pytest

import roundsman.demo
import roundsman.local

MODULES = ["roundsman.visible", "roundsman.rendering"] + [
    module.name
    for package in (roundsman.local, roundsman.demo)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_every_example_says_what_happens(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
