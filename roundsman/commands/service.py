"""The commands that are the service: `up` is all of it, the others become one of its processes."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from roundsman.commands.failures import Misused
from roundsman.local.options import UpOptions, python_module
from roundsman.local.running import servers_of
from roundsman.visible import visible

DEFAULTS = UpOptions()

of_running_service = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Of the `roundsman up` that it is for; if not given, DATABASE_URL says, or {DEFAULTS.data_dir} is it.",
)


@click.command()
@click.option(
    "--host",
    default=DEFAULTS.host,
    show_default=True,
    envvar="ROUNDSMAN_HOST",
    show_envvar=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=DEFAULTS.port,
    show_default=True,
    envvar="ROUNDSMAN_PORT",
    show_envvar=True,
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULTS.data_dir,
    show_default=True,
    help="Where everything is kept.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=DEFAULTS.workers, show_default=True, help="Worker processes."
)
@click.option("--demo", is_flag=True, help="Show an example: an API changes, and a checklist finds the change.")
def up(host: str, port: int, data_dir: Path, workers: int, demo: bool) -> None:
    """Run everything on this machine: API, scheduler, workers, and their own Postgres and Redis."""
    # Here, so that the other commands start without what only this one needs.
    from roundsman.up import up as run_service

    sys.exit(run_service(UpOptions(host=host, port=port, data_dir=data_dir, workers=workers, demo=demo)))


@click.command()
def migrate() -> None:
    """Bring the schema of DATABASE_URL up to date."""
    become("shared.migrate")


@click.command()
def api() -> None:
    """Be the HTTP API."""
    become("api")


@click.command()
def scheduler() -> None:
    """Be a scheduler."""
    become("scheduler")


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 1_000), help="Calls in flight at once.")
def worker(concurrency: int | None) -> None:
    """Be a worker."""
    become("worker", *(() if concurrency is None else (f"--concurrency={concurrency}",)))


@click.command()
@of_running_service
def prune(data_dir: Path | None) -> None:
    """Delete what has ended long ago."""
    become("scheduler.retention", environment=_with_servers(data_dir))


@click.group()
def keys() -> None:
    """API keys, made on this machine without HTTP."""


@keys.command("create")
@click.option("--name", default="default", show_default=True, help="What the key is for.")
@of_running_service
def create_key(name: str, data_dir: Path | None) -> None:
    """Open an account and print its first key."""
    become("api.keys", "create", f"--name={name}", environment=_with_servers(data_dir))


def become(module: str, *arguments: str, environment: Mapping[str, str] = os.environ) -> None:
    """Go on as this module: the same process, so that signals and exit codes are its own."""
    command = python_module(module, *arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, environment)  # noqa: S606 (our own interpreter, no shell)


def _with_servers(data_dir: Path | None) -> dict[str, str]:
    """The environment, with the servers of the `roundsman up` on this directory unless it names others itself.

    Raises Misused when none runs on a directory that was asked for.
    """
    if data_dir is None and os.environ.get("DATABASE_URL"):
        return dict(os.environ)
    directory = (data_dir or DEFAULTS.data_dir).expanduser().resolve()
    servers = servers_of(directory)
    shown = visible(str(directory), limit=300)
    if servers is None and data_dir is not None:
        raise Misused(f"Error: no `roundsman up` of yours runs on {shown}: start it, or set DATABASE_URL instead")
    if servers is None:
        advice = "--data-dir names another directory, DATABASE_URL another database"
        click.echo(f"no `roundsman up` of yours runs on {shown}; trying the default database ({advice})", err=True)
    return {**os.environ, **(servers or {})}
