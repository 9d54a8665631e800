"""Queues: how many tasks wait in each, and one of them with its tasks."""

from typing import Any, Final

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions, work_fields
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.work_fields import Typed
from api.errors import NotFound
from api.queue_names import is_queue_name
from api.schemas.fields import WORK_STATES
from api.services import services
from api.store import dashboard_queues
from api.store.queues import MOST_COUNTED

LIMIT = 50
TASK: Final = ("payload", "priority", "delay_seconds", "max_attempts", "timeout_seconds", "dedup_key")
NEW_TASK: Final[Typed] = dict.fromkeys(TASK, "")
NEW_QUEUE: Final[Typed] = {"name": "", "unattended_after_seconds": ""}
A_NAME: Final = "1 to 100 of: letters, digits, dot, underscore, hyphen."


@shows("/queues")
def queues() -> str:
    return _list(NEW_QUEUE)


@does("/queues")
def make_queue() -> AnyResponse | tuple[str, int]:
    typed = work_fields.typed_in(NEW_QUEUE)
    name = typed["name"].strip()
    if not is_queue_name(name):
        return _list(typed, Refusal(work_fields.NOT_DONE, {"/name": A_NAME})), 422
    if calling.find(f"/queues/{name}") is not None:
        return _list(typed, Refusal(work_fields.NOT_DONE, {"/name": "There is a queue of this name already."})), 422
    refused = _configured(name, typed)
    if refused is not None:
        return _list(typed, refused), 422
    sessions.notice("The queue is there. Push its first task.")
    return redirect(url_for("ui.queue", name=name), 303)


@shows("/queues/<name>")
def queue(name: str) -> str:
    return _page(name)


@does("/queues/<name>/tasks")
def push_task(name: str) -> AnyResponse | tuple[str, int]:
    found = _existing(name)
    typed = work_fields.typed_in(NEW_TASK)
    described, problems = work_fields.read(typed, TASK)
    if "payload" not in described and "/payload" not in problems:
        problems["/payload"] = "Say in JSON what the task is about; null if there is nothing to say."
    if problems:
        return _page(name, typed, Refusal(work_fields.NOT_DONE, problems), found=found), 422
    pushed = calling.send("POST", f"/queues/{name}/tasks", described)
    if isinstance(pushed, Refusal):
        return _page(name, typed, work_fields.at_fields(pushed, typed), found=found), 422
    sessions.notice(
        "No task was made: this one has the same key, and has not ended."
        if pushed["deduplicated"]
        else "The task is pushed."
    )
    return redirect(url_for("ui.task", task_id=pushed["id"]), 303)


@does("/queues/<name>/retry-failed")
def retry_failed_tasks(name: str) -> AnyResponse:
    _existing(name)
    answer = calling.send("POST", f"/queues/{name}/retry-failed", {})
    if isinstance(answer, Refusal):
        told = f"Nothing was done: {answer.detail}."
    else:
        count = answer["retried"]
        told = f"{count:,} failed {'task begins' if count == 1 else 'tasks begin'} afresh."
        told += " There are more: do it again." if answer["more"] else ""
    sessions.notice(told)
    return redirect(url_for("ui.queue", name=name), 303)


@does("/queues/<name>/settings")
def configure_queue(name: str) -> AnyResponse | tuple[str, int]:
    found = _existing(name)
    typed = work_fields.typed_in({"unattended_after_seconds": ""})
    refused = _configured(name, typed)
    if refused is not None:
        return _page(name, typed, refused, found=found), 422
    sessions.notice("Saved.")
    return redirect(url_for("ui.queue", name=name), 303)


def _list(typed: Typed, refused: Refusal | None = None) -> str:
    page = calling.get("/queues", cursor=request.args.get("cursor") or None, limit=LIMIT)
    return render_template(
        "ui/queues.html",
        place="queues",
        queues=page["data"],
        next_cursor=page["next_cursor"],
        later=_later([each["name"] for each in page["data"]]),
        typed=typed,
        refused=refused,
        errors=refused.errors if refused else {},
        **_bounds(),
    )


def _page(name: str, typed: Typed | None = None, refused: Refusal | None = None, *, found: Any = None) -> str:
    """The page of a queue; or its forms alone, with what was typed in one of them and why that was refused."""
    found = found or _existing(name)
    state = request.args.get("state") or None
    tasks: dict[str, Any] = {"data": [], "next_cursor": None}
    if refused is None:
        cursor = request.args.get("cursor") or None
        tasks = calling.get("/tasks", queue=name, state=state, cursor=cursor, limit=LIMIT)
    return render_template(
        "ui/queue.html",
        place="queues",
        queue=found,
        later=_later([name])[name],
        states=WORK_STATES,
        state=state,
        tasks=tasks["data"],
        next_cursor=tasks["next_cursor"],
        typed={**NEW_TASK, "unattended_after_seconds": found["unattended_after_seconds"], **(typed or {})},
        refused=refused,
        is_pushing=refused is not None and typed is not None and "payload" in typed,
        errors=refused.errors if refused else {},
        **_bounds(),
    )


def _existing(name: str) -> Any:
    if not is_queue_name(name):
        raise NotFound("there is no such queue in this account")
    return calling.get(f"/queues/{name}")


def _configured(name: str, typed: Typed) -> Refusal | None:
    described, _ = work_fields.read(typed, ("unattended_after_seconds",))
    answer = calling.send("PUT", f"/queues/{name}", {"unattended_after_seconds": None} | described)
    return work_fields.at_fields(answer, typed) if isinstance(answer, Refusal) else None


def _later(names: list[str]) -> dict[str, int]:
    with services().database.reading() as cursor:
        return dashboard_queues.due_later(cursor, g.key.account_id, names)


def _bounds() -> dict[str, float]:
    return {"most_counted": MOST_COUNTED, "usual_seconds": services().settings.queue_unattended_seconds}
