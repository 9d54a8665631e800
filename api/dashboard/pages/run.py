"""One run: what missed, beside what was expected; and what somebody does about it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.attempt_objects import attempt_object
from api.dashboard import calling, sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal
from api.dashboard.findings import acceptable, findings
from api.dashboard.rule_paths import rules_of
from api.errors import NotFound
from api.services import services
from api.store import dashboard_run
from api.store.attempts import attempts_of

ENDED: Final = ("succeeded", "failed", "canceled")
ANCHOR: Final = re.compile(r"check-[0-9]{1,4}-[0-9]{1,4}")
MOST_INDENTED: Final = 200_000  # characters; a longer text only has its lines, for to indent it takes ten times as long
NO_CHECK: Final = "this run has no such flow or check"


@dataclass(frozen=True, slots=True)
class Typed:
    """A rule that was typed for this place and not taken, with the messages at its fields."""

    flow: str
    check: str
    about: str
    fields: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)


@shows("/runs/<uuid:run_id>")
def run(run_id: UUID) -> str:
    return page_of(run_id)


@shows("/runs/<uuid:run_id>/value")
def run_value(run_id: UUID) -> str:
    """All of a value that the page of the run cuts."""
    found = calling.get(f"/runs/{run_id}")
    flow, name = request.args.get("flow", ""), request.args.get("name", "")
    side = "expected" if request.args.get("side") == "expected" else "observed"
    assertion = _assertions(found).get((flow, name), {})
    if side not in assertion:
        raise NotFound(f"this run has no value that was {side} for such a check")
    text = json.dumps(assertion[side], ensure_ascii=False, separators=(",\n", ": "))
    if len(text) <= MOST_INDENTED:
        text = json.dumps(assertion[side], ensure_ascii=False, indent=2)
    return render_template(
        "ui/run_value.html",
        place="runs",
        run=found,
        flow=flow,
        name=name,
        side=side,
        sides=[each for each in ("expected", "observed") if each in assertion],
        text=text,
    )


@does("/runs/<uuid:run_id>/accept")
def accept_run(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """Accept one check (`flow` and `name`), those of a flow (`flow`), or all."""
    flow, name = request.form.get("flow"), request.form.get("name")
    wanted: dict[str, Any] = {}
    if flow is not None and name is not None:
        wanted = {"checks": [{"flow": flow, "name": name}]}
    elif flow is not None:
        wanted = {"checks": _acceptable_checks(calling.get(f"/runs/{run_id}"), flow)}
    nothing: dict[str, Any] = {"accepted": []}
    answer = nothing if wanted == {"checks": []} else calling.send("POST", f"/runs/{run_id}/accept", wanted)
    if isinstance(answer, Refusal):
        return page_of(run_id, refused=Refusal(f"Nothing was accepted: {answer.detail}.", answer.errors)), 422
    count = len(answer["accepted"])
    if count == 0:
        sessions.notice("There was nothing to accept.")
    elif name is not None:
        sessions.notice(f"Accepted. What {name} observed is its snapshot now.")
    else:
        sessions.notice(
            f"Accepted. {'One value is a snapshot' if count == 1 else f'{count} values are snapshots'} now."
        )
    return back_to(run_id)


@does("/runs/<uuid:run_id>/cancel")
def cancel_run(run_id: UUID) -> AnyResponse | tuple[str, int]:
    answer = calling.send("POST", f"/runs/{run_id}/cancel")
    if isinstance(answer, Refusal):
        return page_of(run_id, refused=Refusal(f"It was not canceled: {answer.detail}.", answer.errors)), 422
    sessions.notice("The run is canceled.")
    return back_to(run_id)


@does("/runs/<uuid:run_id>/again")
def run_again(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """The same checklist with the same variables, once more."""
    found = calling.get(f"/runs/{run_id}")
    if found["checklist_id"] is None:
        return page_of(run_id, refused=Refusal("Its checklist was deleted; it cannot be run again.", {})), 422
    with services().database.reading() as cursor:
        variables = dashboard_run.variables(cursor, g.key.account_id, run_id)
    answer = calling.send("POST", f"/checklists/{found['checklist_id']}/run", {"variables": variables})
    if isinstance(answer, Refusal):
        return page_of(run_id, refused=Refusal(f"It was not run again: {answer.detail}.", answer.errors)), 422
    return redirect(url_for("ui.run", run_id=answer["id"]), 303)


def back_to(run_id: UUID) -> AnyResponse:
    """To the page of the run, at the check whose form was sent."""
    at = request.form.get("at", "")
    return redirect(url_for("ui.run", run_id=run_id, _anchor=at if ANCHOR.fullmatch(at) else None), 303)


def page_of(run_id: UUID, *, refused: Refusal | None = None, typed: Typed | None = None) -> str:
    """The page of the run, also with what was refused; of one flow or check when the URL asks for it."""
    found = calling.get(f"/runs/{run_id}")
    checklist_id, schedule_id = found["checklist_id"], found["schedule_id"]
    checklist = None if checklist_id is None else calling.find(f"/checklists/{checklist_id}")
    has_ended = found["state"] in ENDED
    flow = request.args.get("flow")
    name = None if flow is None else request.args.get("name")
    with services().database.reading() as cursor:
        standings = dashboard_run.standings(cursor, g.key.account_id, run_id) if checklist and has_ended else {}
        attempts = [attempt_object(attempt) for attempt in attempts_of(cursor, run_id)]
    rules = rules_of(checklist) if checklist else []
    flows = findings(found, standings, rules, can_accept=checklist is not None and has_ended, flow=flow, check=name)
    if (flow is not None and not flows) or (
        name is not None and not any(each.checks or each.matches for each in flows)
    ):
        raise NotFound(NO_CHECK)
    checks = [check for shown in flows for check in shown.checks]
    return render_template(
        "ui/run.html",
        place="runs",
        run=found,
        checklist=checklist,
        schedule=None if schedule_id is None else calling.find(f"/schedules/{schedule_id}"),
        has_ended=has_ended,
        seconds=_seconds(found),
        attempts=attempts,
        flows=flows,
        flow=flow,
        name=name,
        acceptable=acceptable(checks),
        accepted=sum(check.acceptance == "accepted" for check in checks),
        has_newer=any(check.acceptance == "newer" for check in checks),
        changed_since=_changed_since(checklist, found),
        refused=refused,
        typed=typed,
        matches=MATCHES_OF_A_FORM,
        scopes=SCOPES,
    )


MATCHES_OF_A_FORM: Final = (
    ("ignore", "ignore: anything passes"),
    ("type", "type: of the same type"),
    ("unordered", "unordered: in any order"),
    ("regex", "regex: as the pattern says"),
    ("approx", "approx: about that number"),
)
SCOPES: Final = (("check", "This check"), ("flow", "All checks of this flow"), ("everywhere", "All checks"))


def _assertions(found: Any) -> dict[tuple[str, str], Any]:
    return {(flow["name"], item["name"]): item for flow in found["flows"] for item in flow["assertions"]}


def _acceptable_checks(found: Any, flow: str) -> Sequence[Mapping[str, str]]:
    return [
        {"flow": flow, "name": name}
        for (of, name), assertion in _assertions(found).items()
        if of == flow and assertion["result"] != "MATCH" and "observed" in assertion
    ]


def _seconds(found: Any) -> float | None:
    """How long the run took, or goes on, or waits."""
    begin = found["started_at"] or (None if found["finished_at"] else found["created_at"])
    if begin is None:
        return None
    end = datetime.fromisoformat(found["finished_at"]) if found["finished_at"] else datetime.now(UTC)
    return (end - datetime.fromisoformat(begin)).total_seconds()


def _changed_since(checklist: Any, found: Any) -> bool:
    """Whether a run of today would go by another checklist."""
    if checklist is None or found["finished_at"] is None:
        return False
    return datetime.fromisoformat(checklist["updated_at"]) > datetime.fromisoformat(found["finished_at"])
