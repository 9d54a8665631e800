"""Small programs in the place of the service's own: python fake_service.py ROLE.

They write a line to `events` in the directory FAKE_DIRECTORY for all that happens to them. Files there steer them:
`<name>-fails` makes one end at once; `stubborn` makes a worker ignore SIGTERM; `busy-once` holds a status that the API
answers once about its keys.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

DIRECTORY = Path(os.environ.get("FAKE_DIRECTORY", ""))


def note(event: str) -> None:
    with (DIRECTORY / "events").open("a") as events:
        events.write(f"{event} {os.getpid()}\n")


class FakeApi(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = (DIRECTORY / "known-key").read_text()
        busy = DIRECTORY / "busy-once"
        if self.path == "/api-keys" and busy.exists():
            status = int(busy.read_text())
            busy.unlink()
        elif self.path == "/api-keys" and self.headers["Authorization"] != f"Bearer {key}":
            status = 401
        elif self.path == "/ready" and (DIRECTORY / "not-ready").exists():
            status = 503
        else:
            status = 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"path": "/ui/login?token=once", "expires_at": "2026-03-01T12:00:00Z"}')

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (http.server's name)
        pass


def wait_for_the_end(role: str) -> None:
    def end(number: int, _frame: object) -> None:
        note(f"{role} {signal.Signals(number).name}")
        if number == signal.SIGTERM and not (role == "worker" and (DIRECTORY / "stubborn").exists()):
            os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    note(f"{role} started")
    if role == "api":
        HTTPServer((os.environ["ROUNDSMAN_HOST"], int(os.environ["ROUNDSMAN_PORT"])), FakeApi).serve_forever()
    while True:
        signal.pause()


def main(role: str) -> None:
    if (DIRECTORY / f"{role}-fails").exists():
        (DIRECTORY / f"{role}-failed").touch()
        sys.exit(f"{role} fails as it was told to")
    if role == "migrate":
        shown = {name: value for name, value in os.environ.items() if "_URL" in name or "ROUNDSMAN" in name}
        (DIRECTORY / "environment").write_text(json.dumps(shown))
    elif role == "create-key":
        (DIRECTORY / "known-key").write_text(f"rk_made_{os.getpid()}")
        sys.stdout.write(f"rk_made_{os.getpid()}\n")
    else:
        wait_for_the_end(role)


if __name__ == "__main__":
    main(sys.argv[1])
