"""`roundsman run`: start a checklist and wait for what it finds."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.text import Text

from roundsman.client import Client
from roundsman.commands.access import connected
from roundsman.commands.choosing import chosen_checklist
from roundsman.commands.consoles import print_json, standard_error, standard_output
from roundsman.commands.failures import Interrupted, NotObserved
from roundsman.rendering import print_run
from roundsman.resources.shapes import Checklist, Run
from roundsman.resources.work import has_ended
from roundsman.visible import visible

EXIT_CODES = {"passed": 0, "changed": 1, "new": 1}

# Most runs have ended by then, and this answer tells the id of one that has not.
FIRST_WAIT_SECONDS = 2
# For the time until a worker begins, and for the answer to be written.
MARGIN_SECONDS = 60


@click.command()
@click.argument("checklist")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for what it finds.")
@click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", help="Fill {{NAME}}; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def run(checklist: str, wait: bool, variables: tuple[str, ...], as_json: bool) -> None:
    """Run CHECKLIST, given by name or id, and print what it finds.

    Exit code 0: as approved. 1: something changed, or waits to be approved. 3: it could not be observed.
    """
    filled = parsed_variables(variables)
    with connected() as client:
        chosen = chosen_checklist(client, checklist)
        if not wait:
            started = client.runs.start(chosen["id"], variables=filled)
            if as_json:
                print_json(started)
            else:
                click.echo(f"started: {visible(started['id'])}")
            return
        found = _run_to_its_end(client, chosen, filled)
    if as_json:
        print_json(found)
    elif has_ended(found):
        print_run(found, standard_output(), checklist_name=chosen["name"])
    if not has_ended(found):
        raise NotObserved(f"Error: the run is still {visible(found['state'])}; {_look_later(found['id'])}")
    raise SystemExit(EXIT_CODES.get(found["outcome"] or "", NotObserved.exit_code))


def parsed_variables(assignments: Sequence[str]) -> dict[str, str]:
    """The variables by name. Raises click.BadParameter.

    >>> parsed_variables(["user=ada", "query=a=b"])
    {'user': 'ada', 'query': 'a=b'}
    """
    variables: dict[str, str] = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{assignment[:100]!r} is not NAME=VALUE", param_hint="--variable")
        if name in variables:
            raise click.BadParameter(f"{name[:100]!r} is given twice", param_hint="--variable")
        variables[name] = value
    return variables


class Progress:
    """What is shown while a run is waited for: how far it is, and for how long already."""

    def __init__(self, name: str, since: float) -> None:
        self.state = "pending"
        self._name = visible(name, limit=100)
        self._since = since

    def watch(self, run: Run) -> None:
        """Take note of how far it is."""
        self.state = visible(run["state"], limit=20)

    def text(self, now: float) -> str:
        """One line of it."""
        return f"{self._name}: {self.state}, {now - self._since:.0f} s"

    def __rich__(self) -> Text:
        return Text(self.text(time.monotonic()))


def _run_to_its_end(client: Client, checklist: Checklist, variables: dict[str, str]) -> Run:
    progress = Progress(checklist["name"], time.monotonic())
    started: Run | None = None
    try:
        with _shown(progress, standard_error()):
            started = client.runs.start(checklist["id"], variables=variables, wait_seconds=FIRST_WAIT_SECONDS)
            if has_ended(started):
                return started
            progress.watch(started)
            seconds = checklist["timeout_seconds"] + MARGIN_SECONDS
            return client.runs.wait(started["id"], seconds=seconds, watch=progress.watch)
    except KeyboardInterrupt:
        if started is None:
            listed = f"`roundsman runs --checklist {checklist['id']}` lists it if it was started"
            raise Interrupted(f"Stopped before the run was known; {listed}") from None
        raise Interrupted(f"Stopped waiting; the run goes on: {_look_later(started['id'])}") from None


@contextmanager
def _shown(progress: Progress, console: Console) -> Iterator[None]:
    if not console.is_terminal:
        yield
        return
    with console.status(progress):
        yield


def _look_later(run_id: str) -> str:
    return f"`roundsman show {visible(run_id)}` tells what it finds"
