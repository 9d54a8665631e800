"""Writing a checklist: a new one, or another definition for one that is there."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.json_places import line_of
from api.routes.checklists import NAME_TAKEN
from api.schemas.checklists import ChecklistInput
from shared.domain.json_text import InvalidJson, parse

SOURCES: Final = ("flows", "worker_url", "queue")
EMPTY: Final[Mapping[str, Any]] = {
    "flows": [],
    "rules": [],
    "variables": {},
}  # what a text field of JSON stands for when it is blank
BLANK: Final = {
    "name": "",
    "source": "flows",
    "worker_url": "",
    "flows": "",
    "queue": "",
    "timeout_seconds": "60",
    "first_value": "accept",
    "rules": "",
    "variables": "",
}
EXAMPLE: Final = json.dumps(ChecklistInput.example["flows"], indent=2)
NOT_SAVED: Final = "This is not saved yet. What has to change is told at its field; everything you typed is still here."
CHANGED_MEANWHILE: Final = (
    "Somebody else has changed this checklist since you began. Nothing is saved yet: save again to replace what they"
    " wrote, or open the page anew to see it."
)
MOST_MESSAGES = 20

Typed = Mapping[str, str]


@shows("/checklists/new")
def new_checklist() -> str:
    return _form(BLANK)


@does("/checklists/new")
def create_checklist() -> AnyResponse | tuple[str, int]:
    typed = _typed()
    made = _sent("POST", "/checklists", typed)
    if isinstance(made, Refusal):
        return _form(typed, made), 422
    sessions.notice("The checklist is there. Run it to see what it observes.")
    return redirect(url_for("ui.checklist", checklist_id=made["id"]), 303)


@shows("/checklists/<id:checklist_id>/edit")
def edit_checklist(checklist_id: int) -> str:
    found = calling.get(f"/checklists/{checklist_id}")
    return _form(_written(found), checklist=found)


@does("/checklists/<id:checklist_id>/edit")
def replace_checklist(checklist_id: int) -> AnyResponse | tuple[str, int]:
    typed = _typed()
    found = calling.get(f"/checklists/{checklist_id}")
    if request.form.get("read_at") != found["updated_at"]:
        return _form(typed, Refusal(CHANGED_MEANWHILE, {}), checklist=found), 422
    saved = _sent("PUT", f"/checklists/{checklist_id}", typed)
    if isinstance(saved, Refusal):
        return _form(typed, saved, checklist=found), 422
    sessions.notice("Saved. The next run goes by it.")
    return redirect(url_for("ui.checklist", checklist_id=checklist_id), 303)


def _form(typed: Typed, refused: Refusal | None = None, *, checklist: Any = None) -> str:
    return render_template(
        "ui/checklist_form.html",
        place="checklists",
        checklist=checklist,
        typed=typed,
        refused=refused,
        errors=refused.errors if refused else {},
        example=EXAMPLE,
    )


def _typed() -> Typed:
    return {name: request.form.get(name, blank) for name, blank in BLANK.items()}


def _written(checklist: Any) -> Typed:
    """The fields as they are shown for this checklist: JSON with its lines, rules one to a line."""
    rules = ",\n  ".join(json.dumps(rule, ensure_ascii=False) for rule in checklist["rules"])
    return BLANK | {
        "name": checklist["name"],
        "source": next(source for source in SOURCES if checklist[source] is not None),
        "worker_url": checklist["worker_url"] or "",
        "flows": json.dumps(checklist["flows"], indent=2, ensure_ascii=False) if checklist["flows"] else "",
        "queue": checklist["queue"] or "",
        "timeout_seconds": str(checklist["timeout_seconds"]),
        "first_value": checklist["first_value"],
        "rules": f"[\n  {rules}\n]" if rules else "",
        "variables": json.dumps(checklist["variables"], indent=2, ensure_ascii=False) if checklist["variables"] else "",
    }


def _sent(method: str, path: str, typed: Typed) -> Any | Refusal:
    """What the API makes of the fields; a refusal by field, with what belongs to no field under the empty pointer."""
    definition, not_json = _definition(typed)
    if not_json:
        return Refusal(NOT_SAVED, not_json)
    answer = calling.send(method, path, definition)
    if not isinstance(answer, Refusal):
        return answer
    if answer.detail == NAME_TAKEN:
        return Refusal(NOT_SAVED, {"/name": NAME_TAKEN})
    return Refusal(NOT_SAVED, _by_field(answer.errors, typed)) if answer.errors else answer


def _definition(typed: Typed) -> tuple[dict[str, Any], dict[str, str]]:
    """What the fields say, as the API takes it; and where they are no JSON."""
    source = typed["source"] if typed["source"] in SOURCES else SOURCES[0]
    seconds = typed["timeout_seconds"].strip()
    definition: dict[str, Any] = {
        "name": typed["name"].strip(),
        "timeout_seconds": int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 10 else seconds,
        "first_value": typed["first_value"],
        source: typed[source].strip(),
    }
    not_json = {}
    for field in {source, "rules", "variables"} & set(EMPTY):
        try:
            definition[field] = parse(typed[field]) if typed[field].strip() else EMPTY[field]
        except InvalidJson as fault:
            not_json[f"/{field}"] = fault.detail
    return definition, not_json


def _by_field(errors: Mapping[str, str], typed: Typed) -> dict[str, str]:
    """The messages at the fields that they are about; one from inside a JSON text says where, and in which line."""
    found: dict[str, list[str]] = {}
    for pointer, detail in errors.items():
        field = pointer.split("/")[1] if "/" in pointer else ""
        messages = found.setdefault(f"/{field}" if field in typed else "", [])
        if field not in typed or len(messages) > MOST_MESSAGES:
            messages.append(f"{pointer} {detail}")
        elif field in EMPTY and pointer != f"/{field}":
            inside = pointer.removeprefix(f"/{field}")
            messages.append(f"Line {line_of(typed[field], inside)}, {pointer}: {detail}")
        else:
            messages.append(detail)
    return {field: _told(messages) for field, messages in found.items()}


def _told(messages: Iterable[str]) -> str:
    messages = list(messages)
    more = len(messages) - MOST_MESSAGES
    return "\n".join(messages[:MOST_MESSAGES] + ([f"and {more} more"] if more > 0 else []))
