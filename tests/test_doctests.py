"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import api.dashboard
import shared.domain

MODULES = [
    *(f"shared.domain.{module.name}" for module in pkgutil.iter_modules(shared.domain.__path__)),
    "api.cron_sentence",
    *(f"api.dashboard.{module.name}" for module in pkgutil.iter_modules(api.dashboard.__path__)),
    "api.paging",
    "api.schedule_targets",
    "api.schemas.fields",
    "api.sentences",
    "api.store.keys",
    "api.webhook_objects",
    "shared.array",
    "scheduler.jitter",
    "scheduler.occurrences",
    "worker.exchange",
    "worker.expectations",
    "worker.excerpt",
    "worker.fairness",
    "worker.flow_request",
    "worker.outbound.redirects",
    "worker.redaction",
    "worker.retry",
    "worker.signing",
    "worker.templates",
    "worker.verdict",
    "worker.worker_url",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_there_are_examples():
    modules = [importlib.import_module(name) for name in MODULES]
    assert sum(doctest.testmod(module).attempted for module in modules) > 20
