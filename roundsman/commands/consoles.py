"""Where commands write: standard output for results, standard error for all else."""

import json
import sys
from typing import Any

import click
from rich.console import Console

# A pipe has no width; at the 80 columns that are assumed otherwise, tables would fold.
PIPE_COLUMNS = 200


def standard_output() -> Console:
    """The console for results; in colour only on a terminal, and not with NO_COLOR."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)


def standard_error() -> Console:
    """The console for progress."""
    return Console(highlight=False, markup=False, emoji=False, stderr=True)


def print_json(value: Any) -> None:
    """Print the value for programs; in ASCII, so that no observed text can act on a terminal or fail to encode."""
    click.echo(json.dumps(value, indent=2))
