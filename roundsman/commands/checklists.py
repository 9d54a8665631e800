"""`roundsman checklists` and `apply`: what is to be checked."""

import click
from rich.text import Text

from roundsman.applying import Applied, apply
from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.failures import SHOWN_CHARACTERS, SHOWN_PROBLEMS, Misused, Refused
from roundsman.definitions.files import Definition, read_definitions
from roundsman.definitions.parts import InvalidFile
from roundsman.errors import Conflict, Invalid, NotFound
from roundsman.resources.shapes import Checklist
from roundsman.tables import table
from roundsman.visible import visible

CHANGE_STYLES = {"created": "green", "replaced": "yellow", "unchanged": "dim"}


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=1_000, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def checklists(limit: int, as_json: bool) -> None:
    """List checklists."""
    with connected() as client:
        found = list(client.checklists.each(most=limit))
    if as_json:
        print_json(found)
        return
    shown = table("id", "name", "observed through", "updated")
    for each in found:
        shown.add_row(
            str(each["id"]),
            Text(visible(each["name"], limit=100), "bold"),
            Text(source(each)),
            Text(visible(each["updated_at"], limit=40)),
        )
    standard_output().print(shown)


@click.command("apply")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def apply_files(files: tuple[str, ...]) -> None:
    """Create or replace the checklists in FILEs of YAML, by name; `-` is standard input.

    A file holds one checklist, a list of them, or several documents. Nothing is sent before all files are read.
    """
    try:
        definitions = read_definitions(files)
    except InvalidFile as error:
        raise Misused(f"Error: {visible(str(error), limit=SHOWN_CHARACTERS)}") from None
    console = standard_output()
    refused = 0
    with connected() as client:
        for definition in definitions:
            try:
                console.print(_line(apply(client, definition.fields)), soft_wrap=True)
            except (Invalid, Conflict, NotFound) as error:
                # The others do not depend on it.
                refused += 1
                click.echo("\n".join(_refusal(definition, error)), err=True)
    if refused:
        raise Refused(f"Error: {refused} of {len(definitions)} checklists were refused")


def source(checklist: Checklist) -> str:
    """Where its observations come from, for a person."""
    if checklist["flows"] is not None:
        count = len(checklist["flows"])
        return f"{count} flow{'' if count == 1 else 's'}"
    if checklist["queue"] is not None:
        return f"queue {visible(checklist['queue'], limit=100)}"
    return visible(checklist["worker_url"] or "", limit=100)


def _line(applied: Applied) -> Text:
    checklist = applied.checklist
    return Text.assemble(
        (f"{applied.change:9}", CHANGE_STYLES[applied.change]),
        f"  {visible(checklist['name'], limit=200)} (checklist {checklist['id']})",
    )


def _refusal(definition: Definition, error: Invalid | Conflict | NotFound) -> list[str]:
    """Why the service refused a checklist, with the places in the file that its pointers mean."""
    head = f"{definition.place('')}: checklist {definition.name!r}: {error.detail}"
    lines = [f"  {definition.place(each.pointer)}: {each.pointer} {each.detail}" for each in error.errors]
    if len(lines) > SHOWN_PROBLEMS:
        lines[SHOWN_PROBLEMS:] = [f"  and {len(lines) - SHOWN_PROBLEMS} more"]
    return [visible(line, limit=SHOWN_CHARACTERS) for line in (head, *lines)]
