"""The fields of forms for jobs and tasks: what the API takes of what was typed, and its messages at the fields."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import request

from api.dashboard.calling import Refusal
from api.dashboard.pages.schedule_fields import by_field
from shared.domain.json_text import InvalidJson, parse

Typed = Mapping[str, str]

JSON: Final = ("headers", "payload")
WHOLE: Final = ("priority", "timeout_seconds", "max_attempts", "unattended_after_seconds")
NUMBERS: Final = ("delay_seconds", "backoff_seconds")
INSTANTS: Final = ("execute_at",)
NOT_DONE: Final = "This is not done yet. What has to change is told at its field; everything you typed is still here."

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?", re.ASCII)
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)


def typed_in(blank: Typed) -> dict[str, str]:
    """What stands in these fields of the form that was sent; as in `blank` where it has none of them."""
    return {name: request.form.get(name, value).replace("\r\n", "\n") for name, value in blank.items()}


def read(typed: Typed, fields: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the API is given for these fields, empty ones left out; and by pointer what is no JSON.

    >>> read({"priority": "5", "payload": "[1]", "delay_seconds": ""}, ("priority", "payload", "delay_seconds"))
    ({'priority': 5, 'payload': [1]}, {})
    """
    described: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in fields:
        text = typed[field] if field in JSON else typed[field].strip()
        if text.strip():
            try:
                described[field] = _value(field, text)
            except InvalidJson as fault:
                problems[f"/{field}"] = fault.detail
    return described, problems


def at_fields(refused: Refusal, typed: Typed) -> Refusal:
    """The same with its messages at the fields that they are about; other refusals as they are."""
    return Refusal(NOT_DONE, by_field(refused.errors, typed)) if refused.errors else refused


def _value(field: str, text: str) -> Any:
    """A text that is no number and no instant is left as it is, for the API to say what it expects."""
    if field in JSON:
        return parse(text)
    if field in INSTANTS and _MOMENT.fullmatch(text):
        return f"{text}:00Z" if text.count(":") == 1 else f"{text}Z"
    if field in (*WHOLE, *NUMBERS) and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if field in NUMBERS and _NUMBER.fullmatch(text):
        return float(text)
    return text
