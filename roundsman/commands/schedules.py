"""`roundsman schedules`: when work is to begin, and what became of it until now."""

from datetime import UTC, datetime

import click

from roundsman.commands.access import connected
from roundsman.commands.choosing import chosen_checklist, chosen_schedule
from roundsman.commands.consoles import print_json, standard_output
from roundsman.schedule_rendering import print_preview, print_schedule, schedule_table

STATES = ["active", "paused", "finished", "invalid"]


@click.group(invoke_without_command=True)
@click.option("--checklist", help="Only schedules of this checklist, given by name or id.")
@click.option("--state", type=click.Choice(STATES), help="Only schedules in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1_000, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
def schedules(context: click.Context, checklist: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List schedules; or look ahead with `preview`, or at one with `show`."""
    if context.invoked_subcommand is not None:
        return
    with connected() as client:
        checklist_id = None if checklist is None else chosen_checklist(client, checklist)["id"]
        found = list(client.schedules.each(checklist_id=checklist_id, state=state, most=limit))
    if as_json:
        print_json(found)
    else:
        standard_output().print(schedule_table(found, datetime.now(UTC)))


@schedules.command()
@click.option("--cron", help="A cron expression, such as '30 9 * * MON-FRI'.")
@click.option("--timezone", help="The IANA zone of the cron, such as Europe/Berlin.")
@click.option("--every", "interval_seconds", type=int, metavar="SECONDS", help="An interval instead of a cron.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def preview(cron: str | None, timezone: str | None, interval_seconds: int | None, as_json: bool) -> None:
    """Print the next 10 instants of a schedule that is not there, in UTC and in its zone."""
    if (cron is None) == (interval_seconds is None):
        raise click.UsageError("give exactly one of --cron and --every")
    given = {"cron": cron, "timezone": timezone, "interval_seconds": interval_seconds}
    with connected() as client:
        found = client.schedules.preview({name: value for name, value in given.items() if value is not None})
    if as_json:
        print_json(found)
    else:
        print_preview(found, datetime.now(UTC), standard_output())


@schedules.command()
@click.argument("schedule")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many instants.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(schedule: str, limit: int, as_json: bool) -> None:
    """Print SCHEDULE, given by name or id, with the instants at which it was last due."""
    with connected() as client:
        found = chosen_schedule(client, schedule)
        occurrences = list(client.schedules.occurrences(found["id"], most=limit))
    if as_json:
        print_json({**found, "occurrences": occurrences})
    else:
        print_schedule(found, occurrences, datetime.now(UTC), standard_output())
