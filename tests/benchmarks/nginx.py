"""A local nginx that answers 204 to everything, and counts: the far end of the benchmarks, and their witness."""

import http.client
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.processes import free_port

HOSTS = 8

CONFIGURATION = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 10000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
{listens}
        location = /status {{ stub_status; }}
        location / {{ return 204; }}
    }}
}}
"""
COUNTS = re.compile(r"accepts handled requests\s+\d+ \d+ (\d+)")


class Nginx:
    """nginx (Debian: nginx-light) on a private port, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.urls = [f"http://127.0.0.{host}:{self.port}/" for host in range(1, HOSTS + 1)]
        self.url = self.urls[0]
        self._asked = 0

    def __enter__(self) -> Self:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        assert program, "this benchmark needs nginx"
        configuration = self._directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(directory=self._directory, listens=self._listens()))
        self._process = subprocess.Popen([program, "-c", str(configuration), "-e", str(self._directory / "error.log")])
        deadline = time.monotonic() + 10
        while True:
            try:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                self.requests()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "nginx does not answer"
                time.sleep(0.02)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _listens(self) -> str:
        return "\n".join(f"        listen 127.0.0.{host}:{self.port};" for host in range(1, HOSTS + 1))

    def requests(self) -> int:
        """How many requests it has answered, without those of this question."""
        self._connection.request("GET", "/status")
        answer = self._connection.getresponse().read().decode()
        self._asked += 1
        counts = COUNTS.search(answer)
        assert counts, answer
        return int(counts[1]) - self._asked

    def seconds_for(self, count: int, before: int, limit_seconds: float) -> float:
        """From the first of so many further requests until the last of them."""
        deadline = time.monotonic() + limit_seconds
        first = 0.0
        while (seen := self.requests() - before) < count:
            now = time.monotonic()
            if seen and not first:
                first = now
            assert now < deadline, f"only {seen} of {count} requests came: no rate to speak of"
            time.sleep(0.01)
        return time.monotonic() - first
