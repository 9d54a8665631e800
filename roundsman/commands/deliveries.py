"""`roundsman deliveries`: events on their way to webhooks."""

from datetime import UTC, datetime
from uuid import UUID

import click

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.failures import NotObserved
from roundsman.commands.runs import STATES
from roundsman.resources.webhook_shapes import Delivery
from roundsman.resources.work import has_ended
from roundsman.visible import visible
from roundsman.webhook_rendering import delivery_table, print_delivery

# An attempt has 15 s, and one that was asked for by hand is the only one.
DELIVERED_SECONDS = 25


@click.group(invoke_without_command=True)
@click.option("--webhook", "webhook_id", type=click.IntRange(1, 2**53), help="Only to this webhook.")
@click.option("--state", type=click.Choice(STATES), help="Only deliveries in this state.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
def deliveries(context: click.Context, webhook_id: int | None, state: str | None, limit: int, as_json: bool) -> None:
    """List deliveries, newest first; or `show` one with its attempts, or `replay` it."""
    if context.invoked_subcommand is not None:
        return
    with connected() as client:
        found = list(client.deliveries.each(webhook_id=webhook_id, state=state, most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(delivery_table(found))


@deliveries.command()
@click.argument("delivery_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(delivery_id: UUID, as_json: bool) -> None:
    """Print the delivery DELIVERY_ID with its attempts."""
    with connected() as client:
        _print(client.deliveries.get(delivery_id), as_json)


@deliveries.command()
@click.argument("delivery_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print the new delivery as JSON.")
def replay(delivery_id: UUID, as_json: bool) -> None:
    """Deliver DELIVERY_ID once more, and print what came of it; exit code 1 if it was not delivered."""
    with connected() as client:
        delivery = client.deliveries.replay(delivery_id, wait_seconds=DELIVERED_SECONDS)
    end_with(delivery, as_json)


def end_with(delivery: Delivery, as_json: bool) -> None:
    """Print what came of it, and end with the exit code that says so."""
    _print(delivery, as_json)
    if not has_ended(delivery):
        look = f"`roundsman deliveries show {visible(delivery['id'])}` tells what came of it"
        raise NotObserved(f"Error: the delivery is still {visible(delivery['state'])}; {look}")
    if delivery["state"] != "succeeded":
        raise SystemExit(1)


def _print(delivery: Delivery, as_json: bool) -> None:
    if as_json:
        print_json(delivery)
    else:
        print_delivery(delivery, datetime.now(UTC), standard_output())
