"""A private directory for a server's socket, with a path short enough for one."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from roundsman.local.failures import CannotStart
from roundsman.local.unprivileged import User

# A socket's path has at most 107 bytes, and a data directory's may be longer. /tmp is short, and the one
# place that every user may enter, whatever TMPDIR says.
PLACE = Path("/tmp")  # noqa: S108 (mkdtemp makes the directory, with a random name and for its owner only)
PREFIX = "roundsman-"


class SocketDirectory:
    """Only its owner may enter it, which is all the authentication that the server behind it has.

    `note` is a file that remembers where it is, so that the next start removes what a killed one left.
    """

    def __init__(self, note: Path) -> None:
        self._note = note

    def create(self, user: User | None) -> Path:
        """A new, empty directory that belongs to `user`. Raises CannotStart."""
        self.remove()
        try:
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
            self._note.write_text(str(path))
            if user is not None:
                os.chown(path, user.uid, user.gid)
        except OSError as error:
            raise CannotStart(f"cannot make a directory for sockets in {PLACE}: {error}") from error
        return path

    def remove(self) -> None:
        """Remove the directory that the note names, if it is one of ours."""
        with suppress(OSError):
            path = Path(self._note.read_text())
            if path.parent == PLACE and path.name.startswith(PREFIX) and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            self._note.unlink()
