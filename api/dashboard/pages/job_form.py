"""Writing a new job."""

from typing import Any, Final

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions, work_fields
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.work_fields import Typed
from shared.domain.urls import METHODS

CALL: Final = ("uri", "method", "headers", "payload", "error_uri")
TRYING: Final = ("timeout_seconds", "max_attempts", "backoff_seconds")
WHENS: Final = ("now", "delay_seconds", "execute_at")
BLANK: Final[Typed] = dict.fromkeys((*CALL, *TRYING, *WHENS), "") | {"method": "POST", "when": "now"}
MISSING: Final = {
    "uri": "Say which URL is to be called.",
    "delay_seconds": "Say how many seconds from now.",
    "execute_at": "Say on which day and at what time.",
}


@shows("/jobs/new")
def new_job() -> str:
    return _form(BLANK)


@does("/jobs/new")
def create_job() -> AnyResponse | tuple[str, int]:
    typed = work_fields.typed_in(BLANK)
    typed["when"] = typed["when"] if typed["when"] in WHENS else BLANK["when"]
    made = _sent(typed)
    if isinstance(made, Refusal):
        return _form(typed, made), 422
    sessions.notice("The job is there.")
    return redirect(url_for("ui.job", job_id=made["id"]), 303)


def _sent(typed: Typed) -> Any | Refusal:
    """What the API makes of the fields; of the ways to say when, the one that was chosen."""
    times = () if typed["when"] == "now" else (typed["when"],)
    described, problems = work_fields.read(typed, (*CALL, *TRYING, *times))
    asked_for = [name for name in ("uri", *times) if not typed[name].strip()]
    problems |= {f"/{name}": MISSING[name] for name in asked_for}
    if problems:
        return Refusal(work_fields.NOT_DONE, problems)
    answer = calling.send("POST", "/jobs", described)
    return work_fields.at_fields(answer, typed) if isinstance(answer, Refusal) else answer


def _form(typed: Typed, refused: Refusal | None = None) -> str:
    return render_template(
        "ui/job_form.html",
        place="jobs",
        typed=typed,
        refused=refused,
        errors=refused.errors if refused else {},
        methods=[(method, method) for method in METHODS],
    )
