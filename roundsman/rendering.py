"""A run as a person reads it: flows and checks, and what changed in which."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from roundsman.tables import table
from roundsman.visible import visible

VALUE_CHARACTERS = 200
DIFFERENCES = 50
RESULT_STYLES = {"MATCH": "green", "MISS": "bold red", "NEW": "yellow"}
OUTCOME_STYLES = {"passed": "bold green", "changed": "bold red", "new": "bold yellow", "error": "bold red"}
OUTCOME_SENTENCES = {
    "passed": "everything is as it was approved",
    "changed": "something is not as it was approved",
    "new": "values that nobody has approved yet",
    "error": "it could not be observed",
}
ABSENT = Text("absent", style="dim")


def print_run(run: Mapping[str, Any], console: Console, *, checklist_name: str | None = None) -> None:
    """Print a run as the API gives it.

    Whatever was observed is text here: no markup, no links, and nothing that a terminal would act on.
    """
    console.print(_heading(run, checklist_name))
    if error := run.get("error"):
        console.print(Text(f"  {visible(_sentence(error), limit=500)}", style="red"))
    if flows := run.get("flows") or []:
        console.print(Padding(_table(flows), (0, 0, 0, 2)))
    for flow in flows:
        for assertion in flow.get("assertions") or []:
            for line in _details(flow, assertion):
                console.print(line)
    if run.get("outcome") in ("changed", "new"):
        # Not wrapped: it is there to be copied.
        approve = Text.assemble("\nTo approve what was observed: ", (f"roundsman accept {_text(run, 'id')}", "bold"))
        console.print(approve, soft_wrap=True)


def _heading(run: Mapping[str, Any], checklist_name: str | None) -> Text:
    outcome = _text(run, "outcome") or _text(run, "state")
    name = visible(checklist_name, limit=100) if checklist_name else f"checklist {_text(run, 'checklist_id')}"
    summary = run.get("summary") or {}
    counts = ", ".join(f"{summary[kind]} {kind}" for kind in ("match", "miss", "new", "obsolete") if summary.get(kind))
    return Text.assemble(
        (name, "bold"),
        ": ",
        (outcome, OUTCOME_STYLES.get(outcome, "")),
        f" ({counts})" if counts else "",
        f" - {OUTCOME_SENTENCES[outcome]}" if outcome in OUTCOME_SENTENCES else "",
    )


def _table(flows: list[Mapping[str, Any]]) -> Table:
    made = table("flow", "check", "result", first_is_copied=False)
    for flow in flows:
        name = _text(flow, "name")
        for assertion in flow.get("assertions") or []:
            result = _text(assertion, "result")
            made.add_row(Text(name), Text(_text(assertion, "name")), Text(result, RESULT_STYLES.get(result, "")))
            name = ""  # once a flow is enough
        if error := flow.get("error"):
            made.add_row(Text(name), Text(visible(_sentence(error), limit=500), "red"), Text("ERROR", "bold red"))
    return made


def _details(flow: Mapping[str, Any], assertion: Mapping[str, Any]) -> Iterator[Text]:
    """What there is to say about a check that is no match."""
    differences = assertion.get("diff") or []
    error = assertion.get("error")
    if not differences and not error:
        return
    yield Text(f"\n  {_text(flow, 'name')} / {_text(assertion, 'name')}", style="bold")
    if error:
        yield Text(f"    {visible(_sentence(error), limit=500)}", style="red")
    for difference in differences[:DIFFERENCES]:
        yield Text.assemble(
            "    ",
            (
                visible(str(difference.get("pointer", "")), limit=VALUE_CHARACTERS) or "(the whole value)",
                "cyan",
            ),
            "  ",
            _value(difference, "expected", "green"),
            " → ",
            _value(difference, "observed", "red"),
        )
    if len(differences) > DIFFERENCES:
        yield Text(f"    and {len(differences) - DIFFERENCES} more differences", style="dim")


def _value(difference: Mapping[str, Any], side: str, style: str) -> Text:
    """One side of a difference; a side without a value is absent, which is not the same as null."""
    if side not in difference:
        return ABSENT
    return Text(visible(json.dumps(difference[side], ensure_ascii=False), limit=VALUE_CHARACTERS), style)


def _text(thing: Mapping[str, Any], name: str) -> str:
    return visible(str(thing.get(name) or ""), limit=100)


def _sentence(error: Any) -> str:
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
