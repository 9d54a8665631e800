"""Logs of children: plain files, each of a bounded size."""

import os
import shutil
from collections import deque
from pathlib import Path
from typing import BinaryIO

from roundsman.visible import visible

MAX_LOG_BYTES = 5_000_000
TAIL_BYTES = 16_384


def open_log(path: Path) -> BinaryIO:
    """The log, opened for appending; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


def keep_bounded(path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Move what a log holds to `<name>.1` once it is too long.

    Copied and emptied, not renamed: its writer keeps the file open, and appends. What it writes in between
    is lost, which is better than a pipe that dies with us or a disk that fills up.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return
        _copy(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
    except OSError:
        return  # a full disk or a file taken away: there is always a next time


def _copy(path: Path, kept: Path) -> None:
    """Copy it for its owner only, whatever could be read by whom before."""
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        os.fchmod(descriptor, 0o600)
        shutil.copyfileobj(source, target)


def size(path: Path | None) -> int:
    """How long a log is now, in bytes."""
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0


def last_lines(path: Path, count: int = 10, *, since: int = 0) -> list[str]:
    """The last lines of a log, fit for a terminal; of what it holds from byte `since` on."""
    try:
        with path.open("rb") as log:
            end = path.stat().st_size
            log.seek(max(since if since <= end else 0, end - TAIL_BYTES))
            lines = deque(log.read(TAIL_BYTES).decode(errors="replace").splitlines(), maxlen=count)
    except OSError:
        return []
    return [visible(line, limit=500) for line in lines]
