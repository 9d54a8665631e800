"""The list of runs."""

from typing import Any

from flask import g, render_template, request

from api.dashboard import calling
from api.dashboard.blueprint import shows
from api.errors import FieldProblem, InvalidInput
from api.paging import read_uuid_cursor, write_cursor
from api.services import services
from api.store import dashboard_runs
from api.store.dashboard_runs import ListedRun

OUTCOMES = ("passed", "changed", "new", "error")
STATES = ("pending", "running", "succeeded", "failed", "canceled")
LIMIT = 50


@shows("/runs")
def runs() -> str:
    outcome, state = chosen("outcome", OUTCOMES), chosen("state", STATES)
    checklist_id, schedule_id = chosen_id("checklist_id"), chosen_id("schedule_id")
    rows, next_cursor = page_of_runs(
        LIMIT, outcome=outcome, state=state, checklist_id=checklist_id, schedule_id=schedule_id
    )
    return render_template(
        "ui/runs.html",
        place="runs",
        outcomes=OUTCOMES,
        states=STATES,
        runs=rows,
        next_cursor=next_cursor,
        checklist=_about("checklists", checklist_id),
        schedule=_about("schedules", schedule_id),
        is_filtered=any((outcome, state, checklist_id is not None, schedule_id is not None)),
    )


def page_of_runs(limit: int, **filters: Any) -> tuple[list[ListedRun], str | None]:
    """The runs that this request asks for, and the cursor of the next page."""
    before = read_uuid_cursor(request.args.get("cursor") or None)
    with services().database.reading() as cursor:
        rows = dashboard_runs.page(cursor, g.key.account_id, before=before, limit=limit + 1, **filters)
    return rows[:limit], write_cursor(rows[limit - 1].id) if len(rows) > limit else None


def chosen(name: str, words: tuple[str, ...]) -> str | None:
    """The value of this filter in the URL; None when there is none. Raises InvalidInput."""
    value = request.args.get(name)
    if value and value not in words:
        raise InvalidInput(
            "there is no such filter", errors=[FieldProblem(f"/{name}", f"is one of {', '.join(words)}")]
        )
    return value or None


def chosen_id(name: str) -> int | None:
    """The id that this filter in the URL names; None when there is none. Raises InvalidInput."""
    value = request.args.get(name)
    if value and not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise InvalidInput("there is no such filter", errors=[FieldProblem(f"/{name}", "is a whole number")])
    return int(value) if value else None


def _about(kind: str, id: int | None) -> Any | None:
    return None if id is None else calling.find(f"/{kind}/{id}")
