"""The real processes of the service, started for a test and killed by pid."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

ROOT = Path(__file__).parent.parent


class ServiceProcess:
    """`python -m module ...` with its log in a file; ends with the block, by SIGKILL if need be."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 10.0) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if error is not None:
            sys.stderr.write(f"--- {self.log} ---\n{self.log.read_text()[-4000:]}\n")


class RunningApi(ServiceProcess):
    """The API behind gunicorn on a free port, called through HTTP with the key of a fresh account."""

    def __init__(self, *, environment: Mapping[str, str], log: Path, module: str = "api") -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(module, environment={**environment, "ROUNDSMAN_PORT": str(port)}, log=log)
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        wait_until(self.answers, "the API answers")
        answer = self.session.post(f"{self.url}/api-keys", json={"name": "test"}, timeout=10)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['api_key']}"
        return self

    def __exit__(self, *error: Any) -> None:
        self.session.close()
        super().__exit__(*error)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=40, **options)

    def make(self, path: str, json: Any = None) -> Any:
        answer = self.call("POST", path, json={} if json is None else json)
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()

    def run(self, checklist_id: int, wait_seconds: int = 20) -> Any:
        """Run the checklist and wait for its end; the finished run."""
        answer = self.call("POST", f"/checklists/{checklist_id}/run", headers={"Prefer": f"wait={wait_seconds}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answers(self) -> bool:
        """Whether it does at this moment."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.session.get(f"{self.url}/health", timeout=2).ok
        except requests.RequestException:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, what: str, seconds: float = 20.0) -> None:
    """Ask until it is so; fails with `what` when the time is over. For other processes, which give no signal."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.02)  # the only sleep of the tests: a process that is watched from outside can only be asked
