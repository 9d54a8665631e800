"""A whole service of real processes with short times, and a far end that counts what reaches it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import RunningApi, ServiceProcess
from tests.target import Target

Start = Callable[..., ServiceProcess]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts processes that end with the test: start("worker", ROUNDSMAN_CRASH_POINT="worker.after_claim")."""
    with ExitStack() as stack:

        def start_process(module: str, *arguments: str, **variables: str) -> ServiceProcess:
            log = tmp_path / f"{module}.log"
            process = ServiceProcess(module, *arguments, environment={**environment, **variables}, log=log)
            return stack.enter_context(process)

        yield start_process


@pytest.fixture(scope="module")
def service(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """The API as a process, with the key of a fresh account."""
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "api.log") as api:
        yield api


@pytest.fixture
def target() -> Iterator[Target]:
    """A checklist worker: answers one flow with one check."""
    with Target() as far_end:
        far_end.answers["/"] = [{"name": "flow", "assertions": [{"name": "check", "value": {"answer": 42}}]}]
        yield far_end
