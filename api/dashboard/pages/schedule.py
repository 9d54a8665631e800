"""One schedule: how it stands, what became of its instants, and what a person does with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.occurrence_calendar import Calendar, calendar, first_moment
from api.dashboard.pages.runs import chosen
from api.dashboard.pages.schedule_fields import COALESCES, OVERLAPS
from api.dashboard.pages.schedule_times import known_zone, moments
from api.schedule_targets import TARGETS
from api.schemas.schedules import OUTCOMES
from api.services import services
from api.store import dashboard_schedules

OCCURRENCES = 25
DAYS = 30
MOST_COUNTED = 50_000  # every minute of 30 days, and some
MOST_COUNTED_LIVE = 5_000


@shows("/schedules/<id:schedule_id>")
def schedule(schedule_id: int) -> str:
    return _page(calling.get(f"/schedules/{schedule_id}"))


@does("/schedules/<id:schedule_id>/pause")
def pause_schedule(schedule_id: int) -> AnyResponse | tuple[str, int]:
    note = request.form.get("note", "").strip()
    answer = calling.send("POST", f"/schedules/{schedule_id}/pause", {"note": note} if note else {})
    if isinstance(answer, Refusal) and answer.errors:
        return _page(calling.get(f"/schedules/{schedule_id}"), typed_note=note, errors=answer.errors), 422
    return _back(schedule_id, answer, "It is paused: what is due meanwhile is recorded as skipped.")


@does("/schedules/<id:schedule_id>/resume")
def resume_schedule(schedule_id: int) -> AnyResponse:
    answer = calling.send("POST", f"/schedules/{schedule_id}/resume", {})
    return _back(schedule_id, answer, "It goes on. What was due while it was paused is not made up for.")


@does("/schedules/<id:schedule_id>/skip-next")
def skip_next_occurrence(schedule_id: int) -> AnyResponse:
    answer = calling.send("POST", f"/schedules/{schedule_id}/skip-next", {})
    return _back(schedule_id, answer, "The next one will be left out, and recorded as skipped.")


@does("/schedules/<id:schedule_id>/trigger")
def trigger_schedule(schedule_id: int) -> AnyResponse:
    begun = calling.send("POST", f"/schedules/{schedule_id}/trigger", {})
    if isinstance(begun, Refusal):
        return _back(schedule_id, begun, "")
    return redirect(url_for("ui.schedule", schedule_id=schedule_id, begun=begun["id"]), 303)


@does("/schedules/<id:schedule_id>/delete")
def delete_schedule(schedule_id: int) -> AnyResponse:
    name = calling.get(f"/schedules/{schedule_id}")["name"]
    calling.send("DELETE", f"/schedules/{schedule_id}")
    sessions.notice(f"The schedule {name or schedule_id} is deleted.")
    return redirect(url_for("ui.schedules"), 303)


def _back(schedule_id: int, answer: Any | Refusal, told: str) -> AnyResponse:
    """To the page of the schedule, which tells that it was done, or why not."""
    sessions.notice(f"That was not done: {answer.detail}." if isinstance(answer, Refusal) else told)
    return redirect(url_for("ui.schedule", schedule_id=schedule_id), 303)


def _page(found: Any, *, typed_note: str = "", errors: Any = None) -> str:
    occurrences = calling.get(
        f"/schedules/{found['id']}/occurrences",
        limit=OCCURRENCES,
        outcome=chosen("outcome", OUTCOMES),
        cursor=request.args.get("cursor"),
    )
    calendar_is_live = sum(found["counters"].values()) <= MOST_COUNTED_LIVE
    listed = occurrences["data"]
    due = moments((each["scheduled_for"] for each in listed), found["timezone"])
    work_ids = [each["work_id"] for each in listed if each["work_id"]]
    with services().database.reading() as cursor:
        words = dashboard_schedules.words_for_work(cursor, g.key.account_id, work_ids) if work_ids else {}
    return render_template(
        "ui/schedule.html",
        place="schedules",
        schedule=found,
        checklist=calling.find(f"/checklists/{found['checklist_id']}") if found["checklist_id"] else None,
        begun=_begun(found),
        upcoming=moments(found["upcoming"], found["timezone"]),
        calendar=_calendar(found) if calendar_is_live or not _is_refresh() else None,
        calendar_is_live=calendar_is_live,
        days=DAYS,
        outcomes=OUTCOMES,
        occurrences=list(zip(listed, due, strict=True)),
        words=words,
        next_cursor=occurrences["next_cursor"],
        overlaps=OVERLAPS,
        coalesces=COALESCES,
        typed_note=typed_note,
        errors=errors or {},
    )


def _begun(found: Any) -> Any | None:
    """The work that somebody has just begun by hand, which the URL names: with what kind it is."""
    try:
        work_id = UUID(request.args.get("begun", ""))
    except ValueError:
        return None
    kind = kind_of(found)
    work = calling.find(f"/{kind}s/{work_id}")
    return work | {"kind": kind} if work and work["schedule_id"] == found["id"] else None


def kind_of(found: Any) -> str:
    """What a schedule begins: a run, a job or a task."""
    return next(target.kind for field, target in TARGETS.items() if found[field] is not None)


def _is_refresh() -> bool:
    """Whether a page that is open already asks for its live parts."""
    return request.headers.get("Sec-Fetch-Dest") == "empty"


def _calendar(found: Any) -> Calendar:
    zone = known_zone(found["timezone"])
    today = datetime.now(zone).date()
    with services().database.reading() as cursor:
        counts = dashboard_schedules.occurrence_counts(
            cursor, g.key.account_id, found["id"], since=first_moment(today, DAYS, zone), most=MOST_COUNTED
        )
    return calendar(counts, today=today, days=DAYS, zone=zone, most=MOST_COUNTED)
