"""The list of schedules."""

from flask import g, render_template, request

from api.dashboard import calling
from api.dashboard.blueprint import shows
from api.dashboard.pages.runs import chosen, chosen_id
from api.paging import read_integer_cursor, write_cursor
from api.schedule_objects import schedule_objects
from api.schemas.schedules import STATES
from api.services import services
from api.store import dashboard_schedules

LIMIT = 50


@shows("/schedules")
def schedules() -> str:
    name_part = request.args.get("name", "").replace("\0", "").strip()[:200] or None
    checklist_id, state = chosen_id("checklist_id"), chosen("state", STATES)
    after = read_integer_cursor(request.args.get("cursor"))
    with services().database.reading() as cursor:
        rows = dashboard_schedules.page(
            cursor,
            g.key.account_id,
            after=after,
            limit=LIMIT + 1,
            name_part=name_part,
            checklist_id=checklist_id,
            state=state,
        )
        shown = rows[:LIMIT]
        objects = schedule_objects(cursor, [row.schedule for row in shown])
    return render_template(
        "ui/schedules.html",
        place="schedules",
        states=STATES,
        schedules=[objects[row.schedule.id] for row in shown],
        checklist_names={row.schedule.checklist_id: row.checklist_name for row in shown},
        checklist=None if checklist_id is None else calling.find(f"/checklists/{checklist_id}"),
        is_filtered=any((name_part, checklist_id, state)),
        next_cursor=write_cursor(shown[-1].schedule.id) if len(rows) > LIMIT else None,
    )
