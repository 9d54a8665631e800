"""The directory that holds everything of one service, and is used by one at a time."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roundsman.local.failures import CannotStart


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make the directory if there is none, and keep it to ourselves; the kernel gives it back when we die.

    Raises CannotStart.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not inherited by children: one of ours that outlives us must not keep the next start away.
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"cannot use {directory} as the data directory: {error}; choose one that you may write to with --data-dir"
        ) from error
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace")
        raise CannotStart(
            f"`roundsman up` already runs on {directory} (process {holder}): stop it first, or choose "
            "another directory with --data-dir"
        ) from error
    except OSError as error:
        raise CannotStart(f"cannot lock {directory}: {error}; choose another directory with --data-dir") from error


def is_locked(directory: Path) -> bool:
    """Whether somebody uses the directory now."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_key(path: Path) -> str | None:
    """The key in this file; None if there is no file. Raises CannotStart."""
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CannotStart(f"cannot read the key in {path}: {error}") from error


def write_private(path: Path, text: str) -> None:
    """Write a line for its owner only; never half of it, never readable by others. Raises CannotStart."""
    try:
        # A temporary file has mode 0600 from the start.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise CannotStart(f"cannot write {path}: {error}") from error
