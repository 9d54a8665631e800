"""From a difference that does not matter to the rule that says so."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import calling, sessions
from api.dashboard.blueprint import does
from api.dashboard.calling import Refusal
from api.dashboard.pages.run import Typed, back_to, page_of

DEFINITION: Final = ("name", "worker_url", "flows", "queue", "timeout_seconds", "first_value", "rules", "variables")
FIELDS: Final = ("path", "match", "scope", "value")
AT_ITS_FIELD: Final = "what has to change is told at its field"
OVERWRITTEN: Final = (
    "somebody else changed the checklist at the same moment, and it is not among its rules; add it again"
)


@does("/runs/<uuid:run_id>/rules")
def add_rule(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """Add a rule about a place that differs (`flow`, `name`, `about`) to the checklist of the run."""
    form = request.form
    typed = Typed(
        form.get("flow", ""),
        form.get("name", ""),
        form.get("about", ""),
        {name: form.get(name, "") for name in FIELDS},
    )
    found = calling.get(f"/runs/{run_id}")
    if found["checklist_id"] is None:
        return page_of(
            run_id, refused=Refusal("The rule was not added: the checklist of this run was deleted.", {})
        ), 422
    rule = _rule(typed)
    refused = _add(f"/checklists/{found['checklist_id']}", rule)
    if refused is not None:
        at_fields = {pointer: detail for pointer, detail in refused.errors.items() if pointer.strip("/") in FIELDS}
        others = {pointer: detail for pointer, detail in refused.errors.items() if pointer not in at_fields}
        typed = Typed(typed.flow, typed.check, typed.about, typed.fields, at_fields)
        detail = AT_ITS_FIELD if at_fields else refused.detail
        return page_of(run_id, refused=Refusal(f"The rule was not added: {detail}.", others), typed=typed), 422
    sessions.notice(f"The rule is there: {_in_words(rule)}. Run again to see what it makes of the run.")
    return back_to(run_id)


def _rule(typed: Typed) -> dict[str, Any]:
    rule: dict[str, Any] = {"path": typed.fields["path"].strip(), "match": typed.fields["match"]}
    if typed.fields["scope"] != "everywhere":
        rule["flow"] = typed.flow
    if typed.fields["scope"] not in ("everywhere", "flow"):
        rule["check"] = typed.check
    if value := typed.fields["value"].strip():
        rule["value"] = _number(value) if rule["match"] == "approx" else value
    return rule


def _number(text: str) -> float | str:
    """The number that the text is; else the text, which the API will not take for one."""
    try:
        number = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return number if isinstance(number, int | float) else text


def _add(path: str, rule: dict[str, Any]) -> Refusal | None:
    """Put the rule behind those that the checklist has; why not, if it is refused or lost."""
    checklist = calling.get(path)
    rules = checklist["rules"]
    if rule in rules:
        return None
    definition = {name: checklist[name] for name in DEFINITION if checklist[name] is not None}
    answer = calling.send("PUT", path, definition | {"rules": [*rules, rule]})
    if isinstance(answer, Refusal):
        return Refusal(answer.detail, _of_rule(answer.errors, f"/rules/{len(rules)}"))
    return None if rule in calling.get(path)["rules"] else Refusal(OVERWRITTEN, {})


def _of_rule(errors: Mapping[str, str], pointer: str) -> dict[str, str]:
    return {place.removeprefix(pointer) or "/path": detail for place, detail in errors.items()}


def _in_words(rule: dict[str, Any]) -> str:
    where = f" in {rule['check']}" if "check" in rule else f" in {rule['flow']}" if "flow" in rule else ""
    return f"{rule['match']} {rule['path'] or 'the whole value'}{where}"
