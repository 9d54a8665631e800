"""Writing a schedule, a new one or another in its place, and looking ahead while one types."""

from typing import Any, Final

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.pages import schedule_fields
from api.dashboard.pages.runs import chosen_id
from api.dashboard.pages.schedule_fields import BLANK, LESS_USUAL, WHATS, WHENS, Typed
from api.dashboard.pages.schedule_times import moments
from api.errors import Problem
from api.services import services
from api.store import dashboard_schedules
from shared.domain.urls import METHODS
from shared.domain.zones import zone_names

MOST_CHECKLISTS: Final = 500
LONGEST_ID: Final = 15
NAME_TAKEN: Final = "the account has another schedule of this name"
NOT_SAVED: Final = "This is not saved yet. What has to change is told at its field; everything you typed is still here."
CHANGED_MEANWHILE: Final = (
    "This schedule has been changed or paused since you began. Nothing is saved yet: save again to replace what is"
    " there now, or open the page anew to see it."
)


@shows("/schedules/new")
def new_schedule() -> str:
    checklist_id = chosen_id("checklist_id")
    return _form({**BLANK, "checklist_id": "" if checklist_id is None else str(checklist_id)})


@does("/schedules/new")
def create_schedule() -> AnyResponse | tuple[str, int]:
    typed = _typed()
    made = _sent("POST", "/schedules", typed)
    if isinstance(made, Refusal):
        return _form(typed, made), 422
    sessions.notice("The schedule is there." if made["state"] != "finished" else "The schedule has no instant to come.")
    return redirect(url_for("ui.schedule", schedule_id=made["id"]), 303)


@shows("/schedules/<id:schedule_id>/edit")
def edit_schedule(schedule_id: int) -> str:
    found = calling.get(f"/schedules/{schedule_id}")
    return _form(schedule_fields.written(found), schedule=found)


@does("/schedules/<id:schedule_id>/edit")
def replace_schedule(schedule_id: int) -> AnyResponse | tuple[str, int]:
    typed = _typed()
    found = calling.get(f"/schedules/{schedule_id}")
    if request.form.get("read_at") != found["updated_at"]:
        return _form(typed, Refusal(CHANGED_MEANWHILE, {}), schedule=found), 422
    saved = _sent("PUT", f"/schedules/{schedule_id}", typed, found)
    if isinstance(saved, Refusal):
        return _form(typed, saved, schedule=found), 422
    sessions.notice("Saved.")
    return redirect(url_for("ui.schedule", schedule_id=schedule_id), 303)


@does("/schedules/preview")
def preview_schedule() -> str:
    """A piece of a page: the sentence and the next instants of what is being typed, or what is wrong with it."""
    return render_template("ui/schedule_preview.html", preview=_preview(_typed()))


def _form(typed: Typed, refused: Refusal | None = None, *, schedule: Any = None) -> str:
    return render_template(
        "ui/schedule_form.html",
        place="schedules",
        schedule=schedule,
        typed=typed,
        refused=refused,
        errors=refused.errors if refused else {},
        preview=_preview(typed),
        methods=[(method, method) for method in METHODS],
        overlaps=schedule_fields.OVERLAPS,
        coalesces=schedule_fields.COALESCES,
        zones=sorted(zone_names()),
        checklists=_checklists(typed["checklist_id"]),
        most_checklists=MOST_CHECKLISTS,
        has_more=_has_more(typed, refused),
    )


def _has_more(typed: Typed, refused: Refusal | None) -> bool:
    """Whether what is seldom needed is of importance here."""
    refused_fields = [pointer.removeprefix("/") for pointer in refused.errors] if refused else []
    return any(typed[name] != BLANK[name] or name in refused_fields for name in LESS_USUAL)


def _typed() -> Typed:
    typed = {name: request.form.get(name, blank).replace("\r\n", "\n") for name, blank in BLANK.items()}
    choices = (("when", WHENS), ("what", WHATS))
    return typed | {name: BLANK[name] for name, known in choices if typed[name] not in known}


def _sent(method: str, path: str, typed: Typed, found: Any = None) -> Any | Refusal:
    """What the API makes of the fields; a refusal by field, with what belongs to no field under the empty pointer."""
    described, problems = schedule_fields.definition(typed)
    if problems:
        return Refusal(NOT_SAVED, problems)
    if found is not None:
        described = schedule_fields.kept(described, typed, found)
    try:
        answer = calling.send(method, path, described)
    except Problem as problem:
        if not problem.errors:
            raise
        answer = Refusal(problem.detail, {error.pointer: error.detail for error in problem.errors})
    if not isinstance(answer, Refusal):
        return answer
    if answer.detail == NAME_TAKEN:
        return Refusal(NOT_SAVED, {"/name": NAME_TAKEN})
    return Refusal(NOT_SAVED, schedule_fields.by_field(answer.errors, typed)) if answer.errors else answer


def _preview(typed: Typed) -> dict[str, Any]:
    described, problems = schedule_fields.rhythm(typed)
    if problems:
        return {"hint": next(iter(problems.values()))}
    answer = calling.send("POST", "/schedules/preview", described)
    if isinstance(answer, Refusal):
        return {"problems": list(schedule_fields.by_field(answer.errors, typed).items()) or [("", answer.detail)]}
    instants = moments((each["utc"] for each in answer["instants"]), answer["timezone"])
    return {"sentence": answer["sentence"], "moments": instants, "timezone": answer["timezone"]}


def _checklists(chosen: str) -> list[tuple[str, str]]:
    """What there is to choose from, by name; the one that is chosen always is."""
    with services().database.reading() as cursor:
        names = dashboard_schedules.checklist_names(cursor, g.key.account_id, limit=MOST_CHECKLISTS)
    is_number = chosen.isascii() and chosen.isdigit() and len(chosen) <= LONGEST_ID
    if is_number and int(chosen) not in names and (found := calling.find(f"/checklists/{int(chosen)}")):
        names[found["id"]] = found["name"]
    return [(str(id), name) for id, name in names.items()]
