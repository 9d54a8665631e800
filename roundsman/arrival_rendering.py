"""What arrives at the listener, as a person or a program reads it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from roundsman.arrivals import Arrival
from roundsman.visible import visible

SHOWN_LINES = 200
SHOWN_CHARACTERS = 20_000
LINE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Content:
    """A body: the JSON value that it is, or else its text."""

    is_json: bool
    value: Any


def content(body: bytes) -> Content:
    r"""What is in a body, whatever that may be.

    >>> content(b'{"type": "run.finished"}')
    Content(is_json=True, value={'type': 'run.finished'})
    >>> content(b"NaN"), content(b"\xff")
    (Content(is_json=False, value='NaN'), Content(is_json=False, value='\\xff'))
    """
    try:
        value = json.loads(body)
        # NaN and what is nested too deep can be read, but not be written again for a program.
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return Content(False, body.decode("utf-8", "backslashreplace"))
    return Content(True, value)


def print_arrival(arrival: Arrival, console: Console) -> None:
    """Print it: when, what, whether it can be trusted, what it was answered, and what is in it."""
    found = content(arrival.body)
    event = found.value if isinstance(found.value, dict) else {}
    event_type = event.get("type")
    verdict = (
        ("verified", "green")
        if arrival.problem is None
        else (f"not verified: {visible(arrival.problem, limit=300)}", "bold red")
    )
    line = Text.assemble(
        (f"{arrival.at:%H:%M:%S}Z", "dim"),
        "  ",
        (visible(event_type, limit=100) if isinstance(event_type, str) else "no event", "bold"),
        "  ",
        verdict,
        (f"  {visible(arrival.id or 'no id', limit=100)}  → {arrival.status}", "dim"),
    )
    console.print(line, soft_wrap=True)
    if not found.is_json and not found.value:
        return
    # Of an event that can be trusted, the rest is in the line above.
    shown = event["data"] if arrival.problem is None and "data" in event else found.value
    for each in _lines(shown, found.is_json):
        console.print(Text(f"    {each}"), soft_wrap=True)


def arrival_as_json(arrival: Arrival) -> str:
    """It in one line for a program, in ASCII."""
    found = content(arrival.body)
    told = {
        "at": arrival.at.isoformat().replace("+00:00", "Z"),
        "id": arrival.id,
        "verified": arrival.problem is None,
        "problem": arrival.problem,
        "status": arrival.status,
        "body" if found.is_json else "text": found.value,
    }
    return json.dumps(told)


def _lines(value: Any, is_json: bool) -> Iterator[str]:
    text, is_whole = _pretty(value) if is_json else (value[:SHOWN_CHARACTERS], len(value) <= SHOWN_CHARACTERS)
    lines = text.split("\n")
    for line in lines[:SHOWN_LINES]:
        yield visible(line, limit=LINE_CHARACTERS)
    if not is_whole or len(lines) > SHOWN_LINES:
        yield "… and more"


def _pretty(value: Any) -> tuple[str, bool]:
    """The value with indentation, and whether that is all of it: indentation can make much of little."""
    parts, size = [], 0
    try:
        for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
            parts.append(part)
            size += len(part)
            if size > SHOWN_CHARACTERS:
                return "".join(parts)[:SHOWN_CHARACTERS], False
    except RecursionError:
        return "".join(parts), False
    return "".join(parts), True
