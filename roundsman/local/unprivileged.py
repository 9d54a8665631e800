"""Whom Postgres runs as when we are root, since it refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from roundsman.local.failures import CannotStart

USER_NAME = "postgres"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody to run a program as."""

    uid: int
    gid: int


def user_for(directory: Path) -> User | None:
    """Whom a server that refuses root runs as; None for ourselves, when we are not root.

    An existing directory keeps its owner. Otherwise it is the system user `postgres`, created if missing.
    """
    if os.geteuid() != 0:
        return None
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(USER_NAME)
    except KeyError:
        _create_user()
        entry = pwd.getpwnam(USER_NAME)
    return User(entry.pw_uid, entry.pw_gid)


def _create_user() -> None:
    useradd = shutil.which("useradd", path=os.defpath + ":/usr/sbin:/sbin")
    advice = f"create the user {USER_NAME!r}, run this as an ordinary user, or set DATABASE_URL"
    if useradd is None:
        raise CannotStart(f"Postgres does not run as root, and there is no useradd to create a user with: {advice}")
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER_NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=10)  # noqa: S603 (all parts are constants)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(f"Postgres does not run as root, and useradd failed ({error}): {advice}") from error


def may_run(program: Path, user: User) -> bool:
    """Whether this user gets at the program; a directory above it that is closed to others prevents it."""
    try:
        return (
            subprocess.run(  # noqa: S603 (the program is the one that we are about to run anyway)
                [program, "--version"],
                user=user.uid,
                group=user.gid,
                extra_groups=[],
                capture_output=True,
                timeout=10,
            ).returncode
            == 0
        )
    except (OSError, subprocess.SubprocessError):
        return False
