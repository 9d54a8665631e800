"""Finding what the arguments of a command mean."""

import re
from uuid import UUID

from roundsman.client import Client
from roundsman.commands.failures import Refused
from roundsman.errors import NotFound
from roundsman.resources.schedule_shapes import Schedule
from roundsman.resources.shapes import Checklist, Run
from roundsman.resources.work import has_ended
from roundsman.visible import visible

ID = re.compile(r"[1-9][0-9]{0,17}")
LOOKED_AT_RUNS = 200


def as_run_id(text: str) -> UUID | None:
    """The id of a run, if the text is one.

    >>> as_run_id("todo-api") is None
    True
    """
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def chosen_checklist(client: Client, text: str) -> Checklist:
    """The checklist of this id, or else of this name. Raises Refused."""
    if ID.fullmatch(text):
        try:
            return client.checklists.get(int(text))
        except NotFound:
            pass  # a name may be made of digits, too
    found = client.checklists.named(text) if text else None
    if found is None:
        shown = visible(text, limit=100)
        raise Refused(f"Error: there is no checklist {shown!r}; `roundsman checklists` lists them")
    return found


def chosen_schedule(client: Client, text: str) -> Schedule:
    """The schedule of this id, or else of this name. Raises Refused."""
    if ID.fullmatch(text):
        try:
            return client.schedules.get(int(text))
        except NotFound:
            pass  # a name may be made of digits, too
    found = client.schedules.named(text) if text else None
    if found is None:
        shown = visible(text, limit=100)
        raise Refused(f"Error: there is no schedule {shown!r}; `roundsman schedules` lists them")
    return found


def latest_ended_run(client: Client, checklist: Checklist) -> Run:
    """The newest run of the checklist that has ended. Raises Refused."""
    for run in client.runs.each(checklist_id=checklist["id"], most=LOOKED_AT_RUNS):
        if has_ended(run):
            return run
    raise Refused(f"Error: no run of checklist {visible(checklist['name'], limit=100)!r} has ended yet")


def name_of_checklist(client: Client, run: Run) -> str | None:
    """The name of the run's checklist; None when that was deleted."""
    if run["checklist_id"] is None:
        return None
    try:
        return client.checklists.get(run["checklist_id"])["name"]
    except NotFound:
        return None
