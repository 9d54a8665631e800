"""The command `roundsman`: which commands there are. What they do is in roundsman.commands."""

import sys

import click

from roundsman.commands import (
    accepting,
    checklists,
    dashboard,
    deliveries,
    events,
    jobs,
    pop,
    push,
    queues,
    running,
    runs,
    schedules,
    service,
    tasks,
    webhooks,
)
from roundsman.commands.failures import Roundsman


@click.group(cls=Roundsman, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roundsman", message="roundsman %(version)s")
def roundsman() -> None:
    """Makes the rounds: checks APIs against approved snapshots, calls URLs on time, hands tasks to workers.

    The commands that talk to a service find it at ROUNDSMAN_URL (http://127.0.0.1:8080 when not set), with the key
    in ROUNDSMAN_API_KEY (when not set, for a service on this machine, the one in ./roundsman-data/api-key). They exit
    with 4 when it is out of reach or refuses.
    """


for command in (
    service.up,
    running.run,
    accepting.accept,
    runs.runs,
    runs.show,
    checklists.checklists,
    checklists.apply_files,
    schedules.schedules,
    jobs.jobs,
    push.push,
    pop.pop,
    queues.queues,
    tasks.tasks,
    webhooks.webhooks,
    deliveries.deliveries,
    events.events,
    dashboard.ui,
    service.migrate,
    service.api,
    service.scheduler,
    service.worker,
    service.prune,
    service.keys,
):
    roundsman.add_command(command)


def main() -> None:
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets its number; an error while telling of an error helps nobody.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    roundsman(prog_name="roundsman")


if __name__ == "__main__":
    main()
