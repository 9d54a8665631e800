"""Snapshots of a checklist: those in force, and every value that one check has ever had."""

import json
from typing import Any

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.filters import LONGEST_JSON, pretty
from api.paging import read_integer_cursor, write_cursor
from api.services import services
from api.store import dashboard_checklists
from api.store.dashboard_checklists import ListedSnapshot

LIMIT = 50
HISTORY_LIMIT = 10  # each may be as large as an answer that is observed
MOST_BYTES = 16_000  # of a value as it is stored; a larger one is shown on the page of its check


@shows("/checklists/<id:checklist_id>/snapshots")
def checklist_snapshots(checklist_id: int) -> str:
    found = calling.get(f"/checklists/{checklist_id}")
    after = read_integer_cursor(request.args.get("cursor") or None)
    rows, next_cursor = page_of_snapshots(checklist_id, after=after, limit=LIMIT)
    return render_template(
        "ui/checklist_snapshots.html",
        place="checklists",
        checklist=found,
        snapshots=rows,
        next_cursor=next_cursor,
        readable=readable,
    )


@shows("/checklists/<id:checklist_id>/history")
def checklist_history(checklist_id: int) -> str:
    found = calling.get(f"/checklists/{checklist_id}")
    flow, name = request.args.get("flow", ""), request.args.get("name", "")
    page = calling.get(
        f"/checklists/{checklist_id}/snapshots/history",
        flow=flow,
        name=name,
        limit=HISTORY_LIMIT,
        cursor=request.args.get("cursor") or None,
    )
    return render_template(
        "ui/checklist_history.html",
        place="checklists",
        checklist=found,
        flow=flow,
        name=name,
        snapshots=[row | {"text": readable(row["value"])} for row in page["data"]],
        next_cursor=page["next_cursor"],
    )


@does("/checklists/<id:checklist_id>/forget")
def forget_snapshot(checklist_id: int) -> AnyResponse:
    """Forget one check's snapshot with its history."""
    flow, name = request.form.get("flow", ""), request.form.get("name", "")
    answer = calling.send(
        "DELETE", f"/checklists/{checklist_id}/snapshots", {"flows": [{"name": flow, "snapshots": [name]}]}
    )
    if isinstance(answer, Refusal):
        sessions.notice(f"Nothing was forgotten: {answer.detail}.")
    else:
        sessions.notice(f"The snapshot of {flow}: {name} is forgotten. The next run observes it as new.")
    return redirect(url_for("ui.checklist", checklist_id=checklist_id, _anchor="snapshots"), 303)


def page_of_snapshots(checklist_id: int, *, after: int, limit: int) -> tuple[list[ListedSnapshot], str | None]:
    """The checklist's snapshots in force from behind this one, and the cursor of the next page."""
    with services().database.reading() as cursor:
        rows = dashboard_checklists.snapshots(
            cursor, g.key.account_id, checklist_id, after=after, limit=limit + 1, most_bytes=MOST_BYTES
        )
    return rows[:limit], write_cursor(rows[limit - 1].id) if len(rows) > limit else None


def readable(value: Any) -> str:
    """A JSON value with its lines indented, which takes long; the beginning of its text when it is large."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST_JSON:
        return pretty(value)
    return f"{text[:LONGEST_JSON]}\n… ({len(text):,} characters in all)"
