"""`roundsman webhooks listen` as a process: what it makes at the service is gone when it ends."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from standardwebhooks import Webhook

from roundsman.local.waiting import Stopping, wait_until
from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.outbound_objects import SECRET, a_webhook
from tests.roundsman.stub_service import LOST, Answer, StubService, problem

BODY = json.dumps({"type": "run.finished", "timestamp": "2026-03-01T12:00:00Z", "data": {"outcome": "changed"}})


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {"POST /webhooks": Answer(201, a_webhook(secret=SECRET)), "DELETE /webhooks/5": Answer(204)}
    with StubService(answers) as stub:
        yield stub


class Listening:
    """The process; what it writes is in files, which never fill up as a pipe does."""

    def __init__(self, files: Path, process: subprocess.Popen[bytes]) -> None:
        self._files = files
        self.process = process

    @property
    def output(self) -> str:
        return (self._files / "output").read_text()

    @property
    def errors(self) -> str:
        return (self._files / "errors").read_text()

    def url(self) -> str:
        """Where it listens, as soon as it says so."""
        said = re.compile(r"listening on (\S+?)[ ;]")
        assert until(lambda: said.search(self.errors) is not None or self.process.poll() is not None), self.errors
        found = said.search(self.errors)
        assert found is not None, self.errors
        return found[1]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


def until(condition) -> bool:
    return wait_until(condition, seconds=15, stopping=Stopping())


@contextmanager
def listening(service: StubService, files: Path, *arguments: str) -> Iterator[Listening]:
    command = [sys.executable, "-m", "roundsman.cli", "webhooks", "listen", "--port", "0", *arguments]
    with (files / "output").open("wb") as output, (files / "errors").open("wb") as errors:
        process = subprocess.Popen(
            command, env={**os.environ, **environment_of(service.url)}, stdout=output, stderr=errors
        )
    try:
        yield Listening(files, process)
    finally:
        process.kill()
        process.wait()


def deliver(url: str, *, secret: str = SECRET) -> int:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(msg_id="msg_1", timestamp=now, data=BODY),
    }
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=BODY, headers=headers, timeout=10).status_code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_webhook_that_it_makes_points_to_itself_and_is_deleted_at_the_end(service, tmp_path, number):
    with listening(service, tmp_path, "--type", "run.finished") as process:
        url = process.url()
        assert f"listening on {url} as webhook 5; Ctrl-C ends it\n" in process.errors
        body = service.asked_for("POST /webhooks")[0].body
        assert (body["url"], body["event_types"]) == (url, ["run.finished"])
        assert deliver(url) == 204
        assert service.asked_for("DELETE /webhooks/5") == []
        assert process.end(number) == 0
        assert len(service.asked_for("DELETE /webhooks/5")) == 1
        first, *rest = process.output.splitlines()
        assert re.fullmatch(r"\d\d:\d\d:\d\dZ  run.finished  verified  msg_1  → 204", first)
        assert json.loads("\n".join(rest)) == {"outcome": "changed"}
        assert "Traceback" not in process.errors


def test_a_service_on_another_machine_is_told_the_url_under_which_this_desk_is_reached():
    environment = environment_of("http://192.0.2.1:8080")  # which is not asked
    result = typed("webhooks", "listen", "--port", "0", environment=environment)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: the service is at http://192.0.2.1:8080, from where http://127.0.0.1:")
    assert "give the address under which this desk is reached with --url" in result.stderr


def test_the_url_that_is_given_is_what_the_service_is_told(service, tmp_path):
    with listening(service, tmp_path, "--url", "https://desk.example/hooks") as process:
        process.url()
        assert service.asked_for("POST /webhooks")[0].body["url"] == "https://desk.example/hooks"
        assert process.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("option", [["--type", "run.finished"], ["--url", "https://desk.example/"]])
def test_what_is_for_the_webhook_that_is_made_is_refused_beside_a_secret(option):
    result = typed("webhooks", "listen", "--secret", SECRET, *option, environment={})
    assert result.exit_code == 2
    assert "for the webhook that is made without --secret" in result.stderr


def test_with_a_secret_the_service_is_not_asked(service, tmp_path):
    with listening(service, tmp_path, "--secret", SECRET, "--status", "500", "--json") as process:
        url = process.url()
        assert deliver(url) == 500
        assert deliver(url, secret="whsec_b3RoZXI=") == 401
        assert process.end(signal.SIGTERM) == 0
        first, second = map(json.loads, process.output.splitlines())
        assert (first["verified"], first["status"], first["body"]) == (True, 500, json.loads(BODY))
        assert second["problem"] == "webhook-signature does not match: another secret, or not what was signed"
    assert service.asked == []


def test_a_webhook_that_somebody_else_deleted_is_no_failure(service, tmp_path):
    service.on("DELETE /webhooks/5", problem(404, "there is no such webhook"))
    with listening(service, tmp_path) as process:
        process.url()
        assert process.end(signal.SIGINT) == 0


def test_a_webhook_that_could_not_be_deleted_is_told_with_what_to_do(service, tmp_path):
    service.on("DELETE /webhooks/5", LOST)
    with listening(service, tmp_path) as process:
        process.url()
        assert process.end(signal.SIGINT) == 4
        assert "Error: webhook 5 could not be deleted: " in process.errors
        assert "`roundsman webhooks delete 5` does it later" in process.errors


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_when_nobody_reads_any_more_it_ends_and_cleans_up(service, tmp_path, arguments):
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "roundsman.cli", "webhooks", "listen", "--port", "0", *arguments]
    with (tmp_path / "errors").open("wb") as errors:
        process = subprocess.Popen(
            command, env={**os.environ, **environment_of(service.url)}, stdout=writing, stderr=errors
        )
    os.close(writing)
    try:
        url = Listening(tmp_path, process).url()
        os.close(reading)
        with pytest.raises(requests.ConnectionError):  # what nobody saw is not answered
            deliver(url)
        assert process.wait(15) == 0
        assert len(service.asked_for("DELETE /webhooks/5")) == 1
        assert "Traceback" not in (tmp_path / "errors").read_text()
    finally:
        process.kill()
        process.wait()


def test_a_webhook_that_the_service_refuses_is_told_and_nothing_is_listened_to(service):
    service.on("POST /webhooks", problem(422, "the input is not valid", ("/url", "the address is not allowed")))
    result = typed("webhooks", "listen", "--port", "0", environment=environment_of(service.url))
    expected = "Error: the input is not valid\n  /url: the address is not allowed\n"
    assert (result.exit_code, result.stderr) == (4, expected)
    assert service.asked_for("DELETE /webhooks/5") == []


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1", ""])
def test_where_it_cannot_listen_is_told_before_a_webhook_is_made(service, host):
    port = service.url.rsplit(":", 1)[1]
    arguments = ["--host", host, "--port", port]
    result = typed("webhooks", "listen", *arguments, environment=environment_of(service.url))
    assert result.exit_code == 2
    assert "Error: cannot listen on port" in result.stderr
    assert "choose others with --host and --port" in result.stderr
    assert service.asked == []
