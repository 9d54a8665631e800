"""The fields of the form of a schedule: what the API takes of what was typed, and how a schedule is written there."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.dashboard.json_places import line_of
from api.schedule_targets import TARGETS
from shared.domain.json_text import InvalidJson, parse

Typed = Mapping[str, str]

# What there is to choose from, each with the further fields that go with it. Of the others nothing is sent.
WHENS: Final[Mapping[str, tuple[str, ...]]] = {
    "cron": ("timezone",),
    "interval_seconds": (),
    "run_at": (),
    "minute": ("recurring",),
}
WHATS: Final = {name: (*target.defaults, *target.kept_if_given) for name, target in TARGETS.items()}
BOUNDS: Final = ("starts_at", "ends_at", "max_occurrences")
FLAGS: Final = ("paused", "pause_on_failure", "pause_on_change")
POLICIES: Final = {
    "jitter_seconds": "0",
    "overlap": "skip",
    "catchup_window_seconds": "3600",
    "coalesce": "latest",
}
JSON: Final = ("variables", "headers", "payload")
INSTANTS: Final = ("run_at", "starts_at", "ends_at")
WHOLE: Final = (
    *("interval_seconds", "minute", "checklist_id", "timeout_seconds", "max_attempts", "priority"),
    *("max_occurrences", "jitter_seconds", "catchup_window_seconds"),
)
LESS_USUAL: Final = ("note", *BOUNDS, *FLAGS, *POLICIES)
EVERY_FIELD: Final = (
    "name",
    *(field for choices in (WHENS, WHATS) for chosen, further in choices.items() for field in (chosen, *further)),
    *LESS_USUAL,
)
BLANK: Final[Typed] = dict.fromkeys(EVERY_FIELD, "") | {
    "when": "cron",
    "what": "checklist_id",
    "timezone": "UTC",
    "recurring": "none",
    "method": "POST",
    **POLICIES,
}
MISSING: Final = {
    "cron": "Say at what times, such as 30 9 * * MON-FRI.",
    "interval_seconds": "Say how many seconds lie between two.",
    "run_at": "Say on which day and at what time.",
    "minute": "Say at which minute.",
    "checklist_id": "Choose the checklist that is to be run.",
    "uri": "Say which URL is to be called.",
    "queue": "Say in which queue a task is to be pushed.",
}
OVERLAPS: Final = {
    "skip": "the next is skipped",
    "queue_one": "the next waits for it",
    "allow": "the next begins beside it",
    "cancel_running": "it is canceled for the next",
}
COALESCES: Final = {"latest": "the latest begins", "earliest": "the earliest begins", "all": "all begin"}
MOST_MESSAGES: Final = 20

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?", re.ASCII)
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)


def definition(typed: Typed) -> tuple[dict[str, Any], dict[str, str]]:
    """The schedule that these fields describe; and by pointer what is missing, or is no JSON."""
    fields = ("name", "note", *_chosen(WHENS, typed["when"]), *_chosen(WHATS, typed["what"]), *BOUNDS, *POLICIES)
    described, problems = _read(typed, fields)
    return described | {flag: bool(typed[flag]) for flag in FLAGS}, problems


def rhythm(typed: Typed) -> tuple[dict[str, Any], dict[str, str]]:
    """As much of that as says when it is due."""
    return _read(typed, (*_chosen(WHENS, typed["when"]), *BOUNDS))


def written(schedule: Mapping[str, Any]) -> Typed:
    """The fields as they are filled in for a schedule of the API.

    >>> fields = written({"interval_seconds": 60, "queue": "a", "payload": None, "starts_at": "2026-03-01T12:00:00Z"})
    >>> [fields[name] for name in ("when", "interval_seconds", "what", "payload", "starts_at")]
    ['interval_seconds', '60', 'queue', 'null', '2026-03-01T12:00:00']
    """
    said = {
        name: _written(name, schedule[name])
        for name in EVERY_FIELD
        if name in schedule and (schedule[name] is not None or name == "payload")
    }
    when = next((name for name in WHENS if schedule.get(name) is not None), BLANK["when"])
    what = next((name for name in WHATS if schedule.get(name) is not None), BLANK["what"])
    return {**BLANK, **said, "when": when, "what": what}


def kept(described: dict[str, Any], typed: Typed, schedule: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with the instants that nobody has touched as exact as they were: a field shows them to the second."""
    before = written(schedule)
    same = [name for name in INSTANTS if name in described and typed[name] == before[name]]
    return described | {name: schedule[name] for name in same}


def by_field(errors: Mapping[str, str], typed: Typed) -> dict[str, str]:
    """Messages at the fields that they are about; one from inside a JSON text says where, in which line.

    What belongs to no field that is shown stands under the empty pointer.
    """
    found: dict[str, list[str]] = {}
    for pointer, detail in list(errors.items())[:MOST_MESSAGES]:
        field, _, inside = pointer.removeprefix("/").partition("/")
        if field not in typed:
            found.setdefault("", []).append(f"{pointer} {detail}".strip())
        elif inside and field in JSON:
            line = line_of(typed[field], f"/{inside}")
            found.setdefault(f"/{field}", []).append(f"Line {line}, {pointer}: {detail}")
        else:
            found.setdefault(f"/{field}", []).append(detail)
    return {field: "\n".join(messages) for field, messages in found.items()}


def _chosen(choices: Mapping[str, Iterable[str]], name: str) -> tuple[str, ...]:
    return (name, *choices[name])


def _read(typed: Typed, fields: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    described: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in fields:
        text = typed[field].strip()
        if text:
            try:
                described[field] = _value(field, text if field not in JSON else typed[field])
            except InvalidJson as fault:
                problems[f"/{field}"] = fault.detail
        elif field in MISSING:
            problems[f"/{field}"] = MISSING[field]
    return described, problems


def _value(field: str, text: str) -> Any:
    """What the API is given; a text that is no number is left as it is, for the API to say what it expects."""
    if field in JSON:
        return parse(text)
    if field in INSTANTS and _MOMENT.fullmatch(text):
        return f"{text}:00Z" if text.count(":") == 1 else f"{text}Z"
    if field in WHOLE and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if field == "backoff_seconds" and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _written(field: str, value: Any) -> str:
    if field in JSON:
        is_nothing = field != "payload" and not value
        return "" if is_nothing else json.dumps(value, ensure_ascii=False, indent=2)
    if field in INSTANTS:
        return str(value)[:19]
    if field in FLAGS:
        return "yes" if value else ""
    return str(value)
