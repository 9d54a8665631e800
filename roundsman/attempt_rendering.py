"""Attempts of a job or of a delivery as a person reads them."""

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from roundsman.resources.job_shapes import Attempt
from roundsman.schedule_rendering import UNITS
from roundsman.tables import table
from roundsman.visible import visible

STATE_STYLES = {"succeeded": "green", "failed": "bold red", "canceled": "yellow", "running": "cyan", "pending": "dim"}


def state_text(state: str) -> Text:
    """How far a piece of work is."""
    return Text(visible(state, limit=20), STATE_STYLES.get(state, ""))


def attempts_table(attempts: Sequence[Attempt]) -> Table:
    """A line for each, with how long after the end of the one before it began."""
    made = table("attempt", "began", "after", "took", "outcome", "status", "what came of it")
    ended: str | None = None
    for each in attempts:
        took = "" if each["elapsed_ms"] is None else duration(each["elapsed_ms"] / 1_000)
        outcome = "running" if each["outcome"] is None else each["outcome"]
        made.add_row(
            str(each["number"]),
            Text(visible(each["started_at"], limit=40)),
            Text(time_between(ended, each["started_at"])),
            Text(took),
            state_text(outcome),
            "" if each["status_code"] is None else str(each["status_code"]),
            Text(visible(each["error"] or each["response_excerpt"] or "", limit=200)),
        )
        ended = each["finished_at"]
    return made


def time_between(earlier: str | None, later: str | None) -> str:
    """How long it was; nothing where that is not known.

    >>> time_between("2026-03-01T12:00:00Z", "2026-03-01T12:02:40.5Z")
    '2 min 40 s'
    >>> time_between(None, "2026-03-01T12:02:40Z"), time_between("soon", "later")
    ('', '')
    """
    if earlier is None or later is None:
        return ""
    try:
        return duration((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
    except (ValueError, TypeError):  # no instants of ours: they are shown as they came, without this
        return ""


def duration(seconds: float) -> str:
    """So many seconds in words, in the two largest units that say something.

    >>> duration(0.035), duration(9.87), duration(160), duration(36_000)
    ('35 ms', '9.9 s', '2 min 40 s', '10 h')
    """
    if seconds < 1:
        return f"{max(0, round(seconds * 1_000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    left, parts = round(seconds), list[str]()
    for unit, size in UNITS:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])
