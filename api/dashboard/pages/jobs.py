"""Jobs: the list, and one of them with its attempts."""

from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.schemas.fields import WORK_STATES

LIMIT = 50


@shows("/jobs")
def jobs() -> str:
    state = request.args.get("state") or None
    page = calling.get("/jobs", state=state, cursor=request.args.get("cursor") or None, limit=LIMIT)
    return render_template(
        "ui/jobs.html",
        place="jobs",
        states=WORK_STATES,
        state=state,
        jobs=page["data"],
        next_cursor=page["next_cursor"],
    )


@shows("/jobs/<uuid:job_id>")
def job(job_id: UUID) -> str:
    found: dict[str, Any] = calling.get(f"/jobs/{job_id}")
    schedule = calling.find(f"/schedules/{found['schedule_id']}") if found["schedule_id"] else None
    return render_template("ui/job.html", place="jobs", job=found, schedule=schedule)


@does("/jobs/<uuid:job_id>/retry")
def retry_job(job_id: UUID) -> AnyResponse:
    return _done(job_id, "retry", "The job begins afresh, with all its attempts before it.")


@does("/jobs/<uuid:job_id>/cancel")
def cancel_job(job_id: UUID) -> AnyResponse:
    return _done(job_id, "cancel", "The job is canceled.")


@does("/jobs/<uuid:job_id>/delete")
def delete_job(job_id: UUID) -> AnyResponse:
    calling.send("DELETE", f"/jobs/{job_id}")
    sessions.notice("The job is deleted.")
    return redirect(url_for("ui.jobs"), 303)


def _done(job_id: UUID, action: str, told: str) -> AnyResponse:
    answer = calling.send("POST", f"/jobs/{job_id}/{action}", {})
    sessions.notice(f"Nothing was done: {answer.detail}." if isinstance(answer, Refusal) else told)
    return redirect(url_for("ui.job", job_id=job_id), 303)
