"""`roundsman pop`: tasks for whoever works on them by hand or in a script."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from roundsman.client import Client
from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.failures import Refused
from roundsman.resources.task_shapes import PoppedTask
from roundsman.task_rendering import popped_table
from roundsman.visible import visible

ACKED = ("acked", "acked_before")


@click.command()
@click.argument("queue")
@click.option("--max", "most", type=click.IntRange(1, 100), default=1, show_default=True, help="At most so many.")
@click.option(
    "--lease", type=click.IntRange(1, 43_200), default=60, show_default=True, help="Keep them for so many seconds."
)
@click.option("--wait", type=click.IntRange(0, 20), default=0, help="Wait so many seconds for the first one.")
@click.option("--ack", is_flag=True, help="Say at once that they are done.")
@click.option("--worker", help="Who takes them, as others read it.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def pop(queue: str, most: int, lease: int, wait: int, ack: bool, worker: str | None, as_json: bool) -> None:
    """Pop tasks from QUEUE and print them; exit code 1 if there is none.

    What was popped is leased: `roundsman tasks ack` and `fail` say what became of it, or it returns to its queue.
    """
    with connected() as client:
        popped = client.queues.pop(queue, most=most, lease_seconds=lease, wait_seconds=wait, worker=worker)
        # Printed first: what the service believes to be done has been seen.
        if as_json:
            print_json(popped)
        elif popped:
            standard_output().print(popped_table(popped, datetime.now(UTC)))
        if ack and popped:
            _ack(client, popped)
    if not popped:
        click.echo("there is no task", err=True)
        raise SystemExit(1)


def _ack(client: Client, popped: Sequence[PoppedTask]) -> None:
    results = client.tasks.ack_many([{"id": each["id"], "lease_token": each["lease_token"]} for each in popped])
    refused = [each for each in results if each["outcome"] not in ACKED]
    if refused:
        lines = [f"  {each['id']}: {each.get('detail') or each['outcome']}" for each in refused]
        raise Refused("\n".join(["Error: not all could be acked", *(visible(line, limit=500) for line in lines)]))
