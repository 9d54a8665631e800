"""The commands that are the service: `up` is all of it, the others become one of its processes."""

import os
import sys
from pathlib import Path

import click

from roundsman.local.options import UpOptions, python_module

DEFAULTS = UpOptions()


@click.command()
@click.option("--host", default=DEFAULTS.host, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=DEFAULTS.port, show_default=True)
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
def prune() -> None:
    """Delete what has ended long ago."""
    become("scheduler.retention")


@click.group()
def keys() -> None:
    """API keys, made on this machine with DATABASE_URL."""


@keys.command("create")
@click.option("--name", default="default", show_default=True, help="What the key is for.")
def create_key(name: str) -> None:
    """Open an account and print its first key."""
    become("api.keys", "create", f"--name={name}")


def become(module: str, *arguments: str) -> None:
    """Go on as this module: the same process, so that signals and exit codes are its own."""
    command = python_module(module, *arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 (our own interpreter, no shell)
