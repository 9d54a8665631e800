"""Events: what happened, and what it is about."""

from typing import Any

from flask import render_template, request, url_for

from api.dashboard.blueprint import shows
from api.dashboard.calling import get
from api.schemas.webhooks import EVENT_TYPES

# What an event can be about, by the members of its data: the page that shows it, and its parameter.
SUBJECTS = {
    "run_id": ("run", "ui.run", "run_id"),
    "job_id": ("job", "ui.job", "job_id"),
    "task_id": ("task", "ui.task", "task_id"),
    "checklist_id": ("checklist", "ui.checklist", "checklist_id"),
    "schedule_id": ("schedule", "ui.schedule", "schedule_id"),
    "webhook_id": ("webhook", "ui.webhook", "webhook_id"),
    "queue": ("queue", "ui.queue", "name"),
}


@shows("/events")
def events() -> str:
    page = get("/events", type=request.args.get("type"), cursor=request.args.get("cursor"), limit=50)
    rows = [(event, _subjects(event["data"])) for event in page["data"]]
    return render_template(
        "ui/events.html", place="events", rows=rows, next_cursor=page["next_cursor"], types=EVENT_TYPES
    )


def _subjects(data: dict[str, Any]) -> list[tuple[str, str]]:
    """What the event is about, as names and addresses of pages."""
    return [
        (name, url_for(endpoint, **{parameter: data[member]}))
        for member, (name, endpoint, parameter) in SUBJECTS.items()
        if data.get(member) is not None
    ]
