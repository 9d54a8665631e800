"""One task: what is to be done, in whose hands it is, and what was logged."""

from itertools import groupby
from typing import Any
from uuid import UUID

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.store.task_logs import MOST_SHOWN


@shows("/tasks/<uuid:task_id>")
def task(task_id: UUID) -> str:
    found: dict[str, Any] = calling.get(f"/tasks/{task_id}")
    schedule = calling.find(f"/schedules/{found['schedule_id']}") if found["schedule_id"] else None
    by_attempt = groupby(found["logs"], key=lambda line: line["attempt"])
    return render_template(
        "ui/task.html",
        place="queues",
        task=found,
        schedule=schedule,
        logs=[(number, list(lines)) for number, lines in by_attempt],
        most_lines=MOST_SHOWN,
    )


@does("/tasks/<uuid:task_id>/cancel")
def cancel_task(task_id: UUID) -> AnyResponse:
    return _done(task_id, "cancel")


@does("/tasks/<uuid:task_id>/retry")
def retry_task(task_id: UUID) -> AnyResponse:
    return _done(task_id, "retry")


def _done(task_id: UUID, action: str) -> AnyResponse:
    answer = calling.send("POST", f"/tasks/{task_id}/{action}", {})
    if isinstance(answer, Refusal):
        told = f"Nothing was done: {answer.detail}."
    elif action == "retry":
        told = "The task begins afresh, with all its attempts before it."
    elif answer["state"] == "canceled":
        told = "The task is canceled."
    else:
        told = "Its worker is asked to stop; at the latest it is canceled when its lease ends."
    sessions.notice(told)
    return redirect(url_for("ui.task", task_id=task_id), 303)
