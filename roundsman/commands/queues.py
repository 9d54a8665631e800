"""`roundsman queues`: what waits for external workers, and whether any come."""

from datetime import UTC, datetime

import click

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.task_rendering import queue_table

# The service begins 10,000 afresh at once; so many more than that are left to another command.
MOST_REQUESTS = 100


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
def queues(context: click.Context, limit: int, as_json: bool) -> None:
    """List queues by name, those in red whose tasks nobody comes for; or begin the failed tasks of one afresh."""
    if context.invoked_subcommand is not None:
        return
    with connected() as client:
        found = list(client.queues.all(most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(queue_table(found, datetime.now(UTC)))


@queues.command("retry-failed")
@click.argument("queue")
def retry_failed(queue: str) -> None:
    """Begin all failed tasks of QUEUE afresh."""
    retried = 0
    with connected() as client:
        for _ in range(MOST_REQUESTS):
            answer = client.queues.retry_failed(queue)
            retried += answer["retried"]
            if not answer["more"] or answer["retried"] == 0:
                break
    click.echo(f"begun afresh: {retried:,}" + (", and there are more" if answer["more"] else ""))
