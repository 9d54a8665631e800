"""The client that a command works with, as the environment describes it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from roundsman.address import DEFAULT_URL, InvalidAddress, checked_url, is_on_this_machine
from roundsman.client import Client
from roundsman.commands.failures import Misused
from roundsman.local.options import UpOptions

# Where `roundsman up` keeps it, seen from where that was started.
KEY_FILE = UpOptions().data_dir / "api-key"


@contextmanager
def connected() -> Iterator[Client]:
    """The client for ROUNDSMAN_URL and ROUNDSMAN_API_KEY. Raises Misused."""
    url = os.environ.get("ROUNDSMAN_URL") or DEFAULT_URL
    try:
        client = Client(url, _key(os.environ, KEY_FILE, checked_url(url)))
    except InvalidAddress as error:
        raise Misused(f"Error: {error} (ROUNDSMAN_URL, ROUNDSMAN_API_KEY)") from None
    with client:
        yield client


def _key(environment: Mapping[str, str], file: Path, url: str) -> str:
    if key := environment.get("ROUNDSMAN_API_KEY"):
        return key
    if not is_on_this_machine(url):  # the key in the file is none of theirs
        raise Misused(f"Error: there is no API key for {url}: set ROUNDSMAN_API_KEY")
    try:
        return file.read_text("ascii")
    except FileNotFoundError:
        problem = f"there is no API key: set ROUNDSMAN_API_KEY, or be where {file} is"
    except (OSError, ValueError):
        problem = f"the API key in {file} cannot be read: set ROUNDSMAN_API_KEY"
    raise Misused(f"Error: {problem}")
