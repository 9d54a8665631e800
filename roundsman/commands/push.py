"""`roundsman push`: a task for whoever pops it."""

from datetime import UTC, datetime
from typing import Any

import click

from roundsman.commands.access import connected
from roundsman.commands.consoles import print_json, standard_output
from roundsman.commands.failures import Interrupted, NotObserved
from roundsman.commands.job_input import NumberOfSeconds, Payload
from roundsman.resources.task_shapes import Task
from roundsman.resources.tasks import Tasks
from roundsman.resources.work import has_ended
from roundsman.task_rendering import print_task
from roundsman.visible import visible

# Most tasks that somebody waits for have ended by then, and this answer tells the id of one that has not.
FIRST_WAIT_SECONDS = 2
LONGEST_WAIT_SECONDS = 3_600


class TaskPayload(Payload):
    """Payload, for which a lone - is standard input, too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert("@-" if value == "-" else value, param, ctx)


@click.command()
@click.argument("queue")
@click.argument("payload", type=TaskPayload(), default="null", metavar="[JSON|@FILE|-]")
@click.option("--delay", "delay_seconds", type=NumberOfSeconds(), help="Due in so many seconds.")
@click.option("--priority", type=int, help="Higher ones are popped first; 0, if not given.")
@click.option("--dedup-key", help="While a task with this key has not ended, no other is made.")
@click.option("--max-attempts", type=int, help="4, if not given.")
@click.option("--timeout", "timeout_seconds", type=int, help="How long an attempt may take, in seconds.")
@click.option("--wait", is_flag=True, help="Wait until it has ended; exit code 1 if it has not succeeded.")
@click.option("--json", "as_json", is_flag=True, help="Print the task as JSON.")
def push(queue: str, payload: Any, wait: bool, as_json: bool, **options: Any) -> None:
    """Push a task on QUEUE: JSON, @ and a file of JSON, - for standard input; null if nothing is given."""
    with connected() as client:
        task = client.queues.push(queue, payload, wait_seconds=FIRST_WAIT_SECONDS if wait else 0, **options)
        if wait and not has_ended(task):
            task = _at_its_end(client.tasks, task, options["delay_seconds"] or 0.0)
    if as_json:
        print_json(task)
    elif not wait:
        click.echo(f"{'is there already' if task.get('deduplicated') else 'pushed'}: {visible(task['id'])}")
    else:
        print_task(task, datetime.now(UTC), standard_output())
    if wait and not has_ended(task):
        raise NotObserved(f"Error: the task is still {visible(task['state'])}; {_look_later(task)}")
    if wait and task["state"] != "succeeded":
        raise SystemExit(1)


def _at_its_end(tasks: Tasks, task: Task, delay_seconds: float) -> Task:
    try:
        return tasks.wait(task["id"], seconds=delay_seconds + LONGEST_WAIT_SECONDS)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped waiting; the task goes on: {_look_later(task)}") from None


def _look_later(task: Task) -> str:
    return f"`roundsman tasks show {visible(task['id'])}` tells what came of it"
