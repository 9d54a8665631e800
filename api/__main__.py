"""The API behind gunicorn with gevent: long polls and slow clients cost a greenlet, not a process."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from gevent import monkey

from shared.open_files import raise_limit
from shared.settings import settings_of_process


def main() -> None:
    """Become gunicorn; it forks the processes and restarts one that dies."""
    monkey.patch_all()
    raise_limit()  # each of the connections that api.server lets in is one
    settings = settings_of_process()
    metrics = Path(tempfile.mkdtemp(prefix="roundsman-metrics-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    sys.argv = [
        "gunicorn",
        "--config=python:api.server",
        f"--bind={_bind(settings.host, settings.port)}",
        f"--workers={settings.api_processes}",
        "api.server:application()",
    ]
    # Imported late: prometheus_client looks for its folder, and others for locks and sockets, when they are imported.
    from gunicorn.app.wsgiapp import run

    master = os.getpid()
    try:
        run(prog="roundsman api")
    finally:
        if os.getpid() == master:  # the processes that gunicorn forks leave through here as well
            shutil.rmtree(metrics, ignore_errors=True)


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    main()
