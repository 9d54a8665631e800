"""`roundsman webhooks`: who is told what happened."""

from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.deliveries import DELIVERED_SECONDS, end_with
from roundsman.commands.listening import listen
from roundsman.visible import visible
from roundsman.webhook_rendering import delivery_table, types_in_words, webhook_table

WEBHOOK_ID = click.IntRange(1, 2**53)


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 10_000), default=1_000, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
def webhooks(context: click.Context, limit: int, as_json: bool) -> None:
    """List webhooks; or `create`, `test` and `delete` one, see its `deliveries`, or `listen` at this desk."""
    if context.invoked_subcommand is not None:
        return
    with connected() as client:
        found = list(client.webhooks.each(most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(webhook_table(found, datetime.now(UTC)))


@webhooks.command()
@click.argument("url")
@click.option("--type", "types", multiple=True, help="An event type it is told; repeatable, everything if not given.")
@click.option("--description", help="What it is for.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def create(url: str, types: tuple[str, ...], description: str | None, as_json: bool) -> None:
    """Tell URL what happens, and print the secret that it verifies this with."""
    definition: dict[str, Any] = {"url": url, "event_types": list(types) or ["*"]}
    if description is not None:
        definition["description"] = description
    with connected() as client:
        made = client.webhooks.create(definition)
    if as_json:
        print_json(made)
        return
    console = standard_output()
    told = types_in_words(made["event_types"])
    name = f"webhook {made['id']}"
    console.print(Text.assemble((name, "bold"), f": {visible(made['url'], limit=500)} is told {told}"), soft_wrap=True)
    secret = (visible(made["secret"], limit=200), "bold")
    console.print(Text.assemble("secret, which is shown this once: ", secret), soft_wrap=True)


@webhooks.command()
@click.argument("webhook_id", type=WEBHOOK_ID)
def delete(webhook_id: int) -> None:
    """Delete the webhook WEBHOOK_ID; what is on its way to it is canceled."""
    with connected() as client:
        client.webhooks.delete(webhook_id)
    click.echo(f"deleted: {webhook_id}")


@webhooks.command()
@click.argument("webhook_id", type=WEBHOOK_ID)
@click.option("--json", "as_json", is_flag=True, help="Print the delivery as JSON.")
def test(webhook_id: int, as_json: bool) -> None:
    """Send an event to WEBHOOK_ID alone, and print what came of it; exit code 1 if it was not delivered."""
    with connected() as client:
        delivery = client.webhooks.test(webhook_id, wait_seconds=DELIVERED_SECONDS)
    end_with(delivery, as_json)


@webhooks.command()
@click.argument("webhook_id", type=WEBHOOK_ID)
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def deliveries(webhook_id: int, limit: int, as_json: bool) -> None:
    """List what was and is to be delivered to WEBHOOK_ID, newest first."""
    with connected() as client:
        found = list(client.webhooks.deliveries(webhook_id, most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(delivery_table(found))


webhooks.add_command(listen)
