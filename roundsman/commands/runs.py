"""`roundsman runs` and `show`: what was run, and what it found."""

from datetime import datetime
from uuid import UUID

import click
from rich.table import Table
from rich.text import Text

from roundsman.client import Client
from roundsman.commands.access import connected
from roundsman.commands.choosing import chosen_checklist, name_of_checklist
from roundsman.commands.consoles import print_json, standard_output
from roundsman.rendering import OUTCOME_STYLES, print_run
from roundsman.resources.shapes import Run, Summary
from roundsman.tables import table
from roundsman.visible import visible

STATES = ["pending", "running", "succeeded", "failed", "canceled"]
OUTCOMES = ["passed", "changed", "new", "error"]
NAMED_CHECKLISTS = 1_000


@click.command()
@click.option("--checklist", help="Only runs of this checklist, given by name or id.")
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only runs that found this.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def runs(checklist: str | None, state: str | None, outcome: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    with connected() as client:
        checklist_id = None if checklist is None else chosen_checklist(client, checklist)["id"]
        found = list(client.runs.each(checklist_id=checklist_id, state=state, outcome=outcome, most=limit))
        names = {} if as_json or not found else _names(client)
    if as_json:
        print_json(found)
    else:
        standard_output().print(_table(found, names))


@click.command()
@click.argument("run_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(run_id: UUID, as_json: bool) -> None:
    """Print what the run RUN_ID found."""
    with connected() as client:
        found = client.runs.get(run_id)
        name = None if as_json else name_of_checklist(client, found)
    if as_json:
        print_json(found)
    else:
        print_run(found, standard_output(), checklist_name=name)


def counts(summary: Summary) -> str:
    """The summary in words, without what there is none of.

    >>> counts({"match": 3, "miss": 1, "new": 0, "obsolete": 0})
    '3 match, 1 miss'
    """
    named = (("match", summary["match"]), ("miss", summary["miss"]), ("new", summary["new"]))
    return ", ".join(f"{count} {name}" for name, count in (*named, ("obsolete", summary["obsolete"])) if count)


def seconds_between(earlier: str | None, later: str | None) -> str:
    """How long it took; nothing while that is not known.

    >>> seconds_between("2026-03-01T12:00:00Z", "2026-03-01T12:00:01.250000Z")
    '1.2 s'
    >>> seconds_between("2026-03-01T12:00:00Z", None)
    ''
    """
    if earlier is None or later is None:
        return ""
    return f"{(datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds():.1f} s"


def _names(client: Client) -> dict[int, str]:
    return {each["id"]: each["name"] for each in client.checklists.each(most=NAMED_CHECKLISTS)}


def _table(found: list[Run], names: dict[int, str]) -> Table:
    made = table("run", "checklist", "outcome", "found", "trigger", "created", "took")
    for run in found:
        checklist_id = run["checklist_id"]
        known = names.get(checklist_id or 0, "deleted" if checklist_id is None else str(checklist_id))
        outcome = visible(run["outcome"] or run["state"], limit=20)
        made.add_row(
            Text(visible(run["id"], limit=50)),
            Text(visible(known, limit=60)),
            Text(outcome, OUTCOME_STYLES.get(outcome, "dim")),
            Text(counts(run["summary"])),
            Text(visible(run["trigger"], limit=20)),
            Text(visible(f"{run['created_at'][:19]}Z")),
            Text(seconds_between(run["started_at"], run["finished_at"])),
        )
    return made
