"""What `roundsman up` is asked for, and which programs it starts."""

import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Where to listen, where everything is kept, how many worker processes, whether to show an example."""

    host: str = "127.0.0.1"
    port: int = 8080
    data_dir: Path = Path("roundsman-data")
    workers: int = 1
    demo: bool = False


def python_module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs an installed module.

    `-P`: a directory called `api` or `worker` where the person happens to be must not be run in its place.
    """
    return (sys.executable, "-P", "-m", name, *arguments)


@dataclass(frozen=True, slots=True)
class Commands:
    """The programs that make up the service; tests put smaller ones in their place."""

    migrate: tuple[str, ...] = field(default_factory=lambda: python_module("shared.migrate"))
    create_key: tuple[str, ...] = field(
        default_factory=lambda: python_module("api.keys", "create", "--name", "roundsman up")
    )
    api: tuple[str, ...] = field(default_factory=lambda: python_module("api"))
    scheduler: tuple[str, ...] = field(default_factory=lambda: python_module("scheduler"))
    worker: tuple[str, ...] = field(default_factory=lambda: python_module("worker"))
    demo: tuple[str, ...] = field(default_factory=lambda: python_module("roundsman.demo"))
    story: tuple[str, ...] = field(default_factory=lambda: python_module("roundsman.demo.story"))
