"""Whether the client of a request is still there: who has hung up is given nothing that another could have."""

import socket
from typing import Any

from gevent import monkey

# gevent's own sockets would wait for something to read, whatever the flags say.
Socket = monkey.get_original("socket", "socket")


def has_hung_up(environ: dict[str, Any]) -> bool:
    """Whether the client behind this WSGI environment closed its connection; False behind a server that hides it.

    A next request that was sent without waiting for the answer means that it is still there.
    """
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return False
    if connection.fileno() < 0:
        return True
    looking = Socket(fileno=connection.fileno())
    try:
        return bool(looking.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        looking.detach()
