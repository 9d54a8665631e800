"""`roundsman accept`: approve what a run observed."""

from collections.abc import Sequence

import click
from rich.text import Text

from roundsman.client import Client
from roundsman.commands.access import connected
from roundsman.commands.choosing import as_run_id, chosen_checklist, latest_ended_run
from roundsman.commands.consoles import standard_output
from roundsman.resources.shapes import CheckName, Run
from roundsman.visible import visible

SHOWN_CHECKS = 10


@click.command()
@click.argument("run")
@click.option("--check", "checks", multiple=True, metavar="FLOW/NAME", help="Only this check; repeatable.")
@click.option("--only", type=click.Choice(["new", "miss"]), help="Only values that are new, or that changed.")
def accept(run: str, checks: tuple[str, ...], only: str | None) -> None:
    """Approve what RUN observed: a run's id, or a checklist's name or id for its latest ended run."""
    with connected() as client:
        found = _chosen_run(client, run)
        named = chosen_checks(found, checks) if checks else None
        accepted = client.runs.accept(found["id"], checks=named, only=only)
    console = standard_output()
    if not accepted:
        console.print(f"nothing to accept in run {visible(found['id'])}: {visible(found['outcome'] or found['state'])}")
        return
    for each in accepted:
        name = f"{visible(str(each['flow']), limit=200)} / {visible(str(each['name']), limit=200)}"
        console.print(Text.assemble(("accepted", "green"), "  ", name), soft_wrap=True)


def chosen_checks(run: Run, texts: Sequence[str]) -> list[CheckName]:
    """The checks of the run that `FLOW/NAME` texts mean, whatever slashes are in their names.

    Raises click.BadParameter.
    """
    named: dict[str, list[CheckName]] = {}
    for flow in run["flows"]:
        for assertion in flow["assertions"]:
            check = CheckName(flow=flow["name"], name=assertion["name"])
            named.setdefault(f"{flow['name']}/{assertion['name']}", []).append(check)
    chosen = []
    for text in dict.fromkeys(texts):
        meant = named.get(text, [])
        if not meant:
            shown = ", ".join(repr(visible(each, limit=100)) for each in list(named)[:SHOWN_CHECKS]) or "none at all"
            raise click.BadParameter(
                f"the run has no check {visible(text, limit=100)!r}; it has: {shown}"
                + (f" and {len(named) - SHOWN_CHECKS} more" if len(named) > SHOWN_CHECKS else ""),
                param_hint="--check",
            )
        if len(meant) > 1:
            raise click.BadParameter(f"{visible(text, limit=100)!r} means several checks", param_hint="--check")
        chosen.append(meant[0])
    return chosen


def _chosen_run(client: Client, text: str) -> Run:
    run_id = as_run_id(text)
    return latest_ended_run(client, chosen_checklist(client, text)) if run_id is None else client.runs.get(run_id)
