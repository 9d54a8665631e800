"""`roundsman events`: what happened."""

import click

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.webhook_rendering import event_table


@click.command()
@click.option("--type", "type_", help="Only events of this type, such as run.finished.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def events(type_: str | None, limit: int, as_json: bool) -> None:
    """List events, newest first."""
    with connected() as client:
        found = list(client.events.each(type=type_, most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(event_table(found))
