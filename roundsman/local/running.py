"""What other commands on this machine need of a service that `roundsman up` runs: where its servers are."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from roundsman.local.data_directory import is_locked, write_private

FILE = "servers.json"
VARIABLES = ("DATABASE_URL", "REDIS_URL")


def tell_servers(directory: Path, environment: Mapping[str, str]) -> None:
    """Write down what the processes are told of its servers, passwords included. Raises CannotStart."""
    write_private(directory / FILE, json.dumps({name: environment[name] for name in VARIABLES}))


def forget_servers(directory: Path) -> None:
    """There are none any longer."""
    with suppress(OSError):
        (directory / FILE).unlink()


def servers_of(directory: Path) -> dict[str, str] | None:
    """What the processes of the service are told that runs on this directory now; None when none does."""
    if not is_locked(directory):
        return None
    try:
        told = json.loads((directory / FILE).read_bytes())
        return {name: str(told[name]) for name in VARIABLES}
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it is only just starting
