"""README read as a newcomer does: every shell block is executed, in order, in a copy of the tree."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.settings import VARIABLES, Settings
from tests.processes import free_port, wait_until

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

INSTALL, UP, *TYPED, DEVELOP = BLOCKS


@dataclass(frozen=True, slots=True)
class Terminal:
    """Runs blocks one after the other in one folder; what a block exports, the next one has."""

    folder: Path
    ports: dict[str, str]

    def run(self, block: str, seconds: float = 60) -> str:
        """What the block prints; fails when any of its commands does."""
        process = self.start(f"{block}\nexport -p > .state", self.folder / ".output")
        try:
            code = process.wait(seconds)
        finally:
            printed = (self.folder / ".output").read_text()
        assert code == 0, f"this block ended with {code}:\n{block}\n{printed}"
        return printed

    def start(self, block: str, output: Path) -> subprocess.Popen[bytes]:
        for port, free in self.ports.items():
            block = block.replace(port, free)
        script = f"set -euo pipefail\n[ -f .state ] && source .state\n{block}"
        with output.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env={
                    "HOME": str(self.folder),
                    "PATH": os.environ["PATH"],
                    "LANG": "C.UTF-8",
                    "ROUNDSMAN_URL": f"http://127.0.0.1:{self.ports['8080']}",
                    **_pip_settings(),
                },
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


def _pip_settings() -> dict[str, str]:
    """How this machine reaches its package index, which is not README's business."""
    home = {"PIP_CONFIG_FILE": str(Path.home() / ".config/pip/pip.conf")} if "PIP_CONFIG_FILE" not in os.environ else {}
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "XDG_CACHE"))}
    return {**home, **kept, "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache/pip"))}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("newcomer")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    yield Terminal(folder, {port: str(free_port()) for port in ("8080", "9100", "9200")})
    subprocess.run(["pkill", "-KILL", "-f", f"{folder}/"], check=False)


@pytest.fixture(scope="module")
def service(terminal: Terminal) -> Iterator[str]:
    """What `roundsman up --demo` printed, while it goes on running."""
    terminal.run(INSTALL, seconds=300)
    output = terminal.folder / "up.log"
    # README's port may be taken at a desk: the test moves everything to a free one.
    process = terminal.start(f"exec {UP.strip()} --port 8080", output)
    try:
        wait_until(lambda: process.poll() is not None or "/accept" in output.read_text(), "the demo has ended", 90)
        assert process.poll() is None, output.read_text()
        yield output.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()


def test_the_two_commands_bring_up_a_service_that_shows_a_change(service: str) -> None:
    assert "ready: http://127.0.0.1:" in service
    assert "MISS" in service
    assert "roundsman accept" in service


def test_every_other_block_does_what_readme_says(service: str, terminal: Terminal) -> None:
    printed = [terminal.run(block) for block in TYPED]
    apply, again, worker, rounds, accept, document, schedule, job, webhook, processor, task, others = printed
    assert "created" in apply
    assert "NEW" in apply
    assert "passed" in again
    assert worker == ""
    assert re.findall(r'"result":"([A-Z]+)"', rounds) == ["NEW", "MATCH", "MISS"]
    assert '"diff":[{"pointer":"/amount","expected":3,"observed":4}]' in rounds
    assert '"accepted":[{"flow":"shop","name":"price of tea"}]' in accept
    assert re.findall(r'"result":"([A-Z]+)"', accept) == ["MATCH"]
    assert '"status":"ok"' in document
    assert "At 02:30, in Europe/Berlin" in schedule
    assert '"sentence":"Every 2 seconds"' in schedule
    assert '"trigger":"manual","state":"succeeded"' in schedule
    assert '"outcome":"fired"' in schedule
    assert '"state":"paused"' in schedule
    assert '"state":"succeeded"' in job
    assert '"status_code":200' in job
    assert "verified webhook.test\nverified job.succeeded\n" in webhook
    assert "forged" not in webhook
    assert webhook.count('"state":"succeeded"') >= 2
    assert "succeeded" in processor
    assert "thumbnails" in processor
    assert '"state":"succeeded"' in task
    assert '"result":{"sent":true}' in task
    assert '"response":{"id":' in others
    assert '{"task":{"domain":"example.org","id":' in others


def test_ci_runs_the_commands_that_readme_gives_to_developers() -> None:
    ci = (ROOT / ".ci/run").read_text()
    for command in DEVELOP.splitlines():
        words = command.removeprefix("pip install ")
        assert words in ci, f".ci/run does not call {command!r}"


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| *(.*?) *\|", README, re.MULTILINE))
    assert set(rows) == set(VARIABLES)
    defaults = Settings()
    for variable, (name, _, _) in VARIABLES.items():
        default = getattr(defaults, name)
        parts = default if isinstance(default, tuple) else (default,)
        written = ",".join(f"{part:g}" if isinstance(part, float) else str(part or "") for part in parts)
        assert rows[variable].strip("`") == written, f"README gives {variable} another default"
