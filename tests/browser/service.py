"""The whole service as real processes, for pages that are to show it alive."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.processes import RunningApi, ServiceProcess, wait_until


@contextmanager
def whole_service(environment: Mapping[str, str], directory: Path) -> Iterator[RunningApi]:
    """The API with the key of a fresh account, and a scheduler and a worker beside it."""
    with ExitStack() as stack:
        api = stack.enter_context(RunningApi(environment=environment, log=directory / "api.log"))
        for module in ("scheduler", "worker"):
            log = directory / f"{module}.log"
            stack.enter_context(ServiceProcess(module, environment=environment, log=log))
        wait_until(lambda: api.call("GET", "/ready").ok, "the service is ready")
        yield api
