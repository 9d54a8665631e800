"""The example API as a process: python -m roundsman.demo --port 0."""

import signal
import sys
import threading
from types import FrameType

import click

from roundsman.demo.server import DemoServer


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; 0 means any free port.")
def main(port: int) -> None:
    """Serve to-dos on 127.0.0.1 until SIGTERM."""
    with DemoServer(port) as server:

        def end(_number: int, _frame: FrameType | None) -> None:
            # shutdown() waits for the loop that this very thread runs.
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
