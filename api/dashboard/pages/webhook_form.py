"""Writing a webhook: a new one, whose secret is shown once, or another definition for one that is there."""

from collections.abc import Mapping
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal, get, send
from api.dashboard.pages.webhooks import page_of_secret
from api.schemas.webhooks import EVERY_TYPE

# What each type of event tells, in the order in which they are offered.
MEANINGS: Final = {
    "run.started": "a run of a checklist has begun",
    "run.finished": "a run has ended, with what it found",
    "job.succeeded": "a call was answered well",
    "job.failed": "a call has failed for good",
    "task.succeeded": "a task was done",
    "task.failed": "a task has failed for good",
    "queue.unattended": "tasks wait, and nobody asks for them",
    "queue.attended": "somebody asks for them again",
    "schedule.occurrence_skipped": "a time was passed over on purpose",
    "schedule.occurrence_missed": "a time was missed",
    "schedule.paused": "a schedule was paused",
    "webhook.disabled": "a webhook was given up",
}
BLANK: Final[Mapping[str, Any]] = {"url": "", "event_types": [], "description": "", "enabled": True}
NOT_SAVED: Final = "This is not saved yet. What has to change is told at its field; everything you typed is still here."
CHANGED_MEANWHILE: Final = (
    "This webhook was changed since you began, by somebody else or because it was given up. Nothing is saved yet: save"
    " again to replace what it is now, or open the page anew to see it."
)

Typed = Mapping[str, Any]


@shows("/webhooks/new")
def new_webhook() -> str:
    return _form(BLANK)


@does("/webhooks/new")
def create_webhook() -> AnyResponse | str | tuple[str, int]:
    typed = _typed()
    made = _sent("POST", "/webhooks", typed)
    if isinstance(made, Refusal):
        return _form(typed, made), 422
    return page_of_secret(made)


@shows("/webhooks/<id:webhook_id>/edit")
def edit_webhook(webhook_id: int) -> str:
    found = get(f"/webhooks/{webhook_id}")
    return _form(found, webhook=found)


@does("/webhooks/<id:webhook_id>/edit")
def replace_webhook(webhook_id: int) -> AnyResponse | tuple[str, int]:
    typed = _typed()
    found = get(f"/webhooks/{webhook_id}")
    if request.form.get("read_at") != found["updated_at"]:
        return _form(typed, Refusal(CHANGED_MEANWHILE, {}), webhook=found), 422
    saved = _sent("PUT", f"/webhooks/{webhook_id}", typed)
    if isinstance(saved, Refusal):
        return _form(typed, saved, webhook=found), 422
    sessions.notice("The webhook is saved. Test it to see whether it is heard.")
    return redirect(url_for("ui.webhook", webhook_id=webhook_id), 303)


def _form(typed: Typed, refused: Refusal | None = None, *, webhook: Any = None) -> str:
    return render_template(
        "ui/webhook_form.html",
        place="webhooks",
        webhook=webhook,
        typed=typed,
        refused=refused,
        errors=refused.errors if refused else {},
        meanings=MEANINGS,
        every_type=EVERY_TYPE,
    )


def _typed() -> Typed:
    """The fields; of types chosen beside everything nothing is said any more."""
    chosen = request.form.getlist("event_types")
    return {
        "url": request.form.get("url", "").strip(),
        "event_types": [EVERY_TYPE] if EVERY_TYPE in chosen else chosen,
        "description": request.form.get("description", "").strip(),
        "enabled": "enabled" in request.form,
    }


def _sent(method: str, path: str, typed: Typed) -> Any | Refusal:
    """What the API makes of the fields; a refusal by field, with what belongs to no field under the empty pointer."""
    answer = send(method, path, {name: value for name, value in typed.items() if value != ""})
    if not isinstance(answer, Refusal) or not answer.errors:
        return answer
    found: dict[str, list[str]] = {}
    for pointer, detail in answer.errors.items():
        field = pointer.partition("/")[2].partition("/")[0]
        if field == "event_types" and not typed["event_types"]:
            detail = "choose at least one"
        found.setdefault(f"/{field}" if field in typed else "", []).append(detail)
    return Refusal(NOT_SAVED, {field: "; ".join(dict.fromkeys(details)) for field, details in found.items()})
