"""The socket of a queue."""

from flask import Flask, Response

from api.queue_names import require_queue_name
from api.sockets.connection import Connection
from api.sockets.native import NativeTongue
from api.sockets.opening import explain_mismatches, open_socket
from api.sockets.task_socket import TaskSocket


def register(app: Flask) -> None:
    """Add the route, and what is said to those who mistake a socket for something else."""
    app.add_url_rule("/queues/<queue_name>/socket", "sockets.queue", queue_socket, websocket=True)
    explain_mismatches(app)


def queue_socket(queue_name: str) -> Response:
    """Give tasks of this queue to the client as long as it is connected."""
    require_queue_name(queue_name)

    def serve(connection: Connection) -> None:
        socket = TaskSocket(connection)
        socket.serve(NativeTongue(connection, socket, queue_name))

    return open_socket(serve)
