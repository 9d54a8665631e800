"""Checklists: the list, and one of them."""

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.pages.checklist_snapshots import page_of_snapshots, readable
from api.dashboard.pages.runs import OUTCOMES, chosen, page_of_runs
from api.dashboard.run_bars import picture
from api.paging import read_integer_cursor, write_cursor
from api.services import services
from api.store import dashboard_checklists, dashboard_runs

LIMIT = 50
BARS = 20
RUNS, SNAPSHOTS, SCHEDULES = 10, 20, 5


@shows("/checklists")
def checklists() -> str:
    name_part = request.args.get("name", "").replace("\0", "").strip()[:200] or None
    after = read_integer_cursor(request.args.get("cursor") or None)
    with services().database.reading() as cursor:
        rows = dashboard_checklists.page(cursor, g.key.account_id, after=after, limit=LIMIT + 1, name_part=name_part)
        shown = rows[:LIMIT]
        latest = dashboard_runs.latest(cursor, g.key.account_id, [row.id for row in shown], each=BARS)
    return render_template(
        "ui/checklists.html",
        place="checklists",
        checklists=shown,
        latest=latest,
        pictures={id: picture(runs, BARS) for id, runs in latest.items()},
        name_part=name_part,
        next_cursor=write_cursor(shown[-1].id) if len(rows) > LIMIT else None,
    )


@shows("/checklists/<id:checklist_id>")
def checklist(checklist_id: int) -> str:
    found = calling.get(f"/checklists/{checklist_id}")
    runs, next_cursor = page_of_runs(RUNS, checklist_id=checklist_id, outcome=chosen("outcome", OUTCOMES))
    snapshots, more_snapshots = page_of_snapshots(checklist_id, after=0, limit=SNAPSHOTS)
    with services().database.reading() as cursor:
        latest = dashboard_runs.latest(cursor, g.key.account_id, [checklist_id], each=BARS)
    return render_template(
        "ui/checklist.html",
        place="checklists",
        checklist=found,
        outcomes=OUTCOMES,
        runs=runs,
        next_cursor=next_cursor,
        picture=picture(latest[checklist_id], BARS),
        snapshots=snapshots,
        more_snapshots=more_snapshots,
        readable=readable,
        schedules=calling.get("/schedules", checklist_id=checklist_id, limit=SCHEDULES),
    )


@does("/checklists/<id:checklist_id>/run")
def run_checklist(checklist_id: int) -> AnyResponse:
    run = calling.send("POST", f"/checklists/{checklist_id}/run", {})
    if isinstance(run, Refusal):
        sessions.notice(f"It was not run: {run.detail}.")
        return redirect(url_for("ui.checklist", checklist_id=checklist_id), 303)
    return redirect(url_for("ui.run", run_id=run["id"]), 303)


@does("/checklists/<id:checklist_id>/delete")
def delete_checklist(checklist_id: int) -> AnyResponse:
    name = calling.get(f"/checklists/{checklist_id}")["name"]
    calling.send("DELETE", f"/checklists/{checklist_id}")
    sessions.notice(f"The checklist {name} is deleted.")
    return redirect(url_for("ui.checklists"), 303)
