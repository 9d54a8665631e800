"""Where the service listens, and how to reach it from here."""

import socket

from roundsman.local.failures import CannotStart


def url_of(host: str, port: int) -> str:
    """The URL as a person types it.

    >>> url_of("::1", 8080)
    'http://[::1]:8080'
    """
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reachable_host(host: str) -> str:
    """The address to call from this machine: an address that means all of them is none to call.

    >>> reachable_host("0.0.0.0"), reachable_host("::"), reachable_host("localhost")
    ('127.0.0.1', '::1', 'localhost')
    """
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 (nothing binds to it here)


def check_free(host: str, port: int) -> None:
    """Raises CannotStart if the API could not listen there."""
    if not 1 <= port <= 65535:
        raise CannotStart(f"--port is {port}; it accepts a number from 1 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the API does: a connection of its predecessor that is still closing is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise CannotStart(f"--host is {host!r}, which is no address of this machine: {error.strerror}") from error
    except OSError as error:
        raise CannotStart(
            f"cannot listen on port {port} of {host}: {error.strerror}; choose another port with --port"
        ) from error


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
