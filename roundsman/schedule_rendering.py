"""Schedules as a person reads them: when in words, when next, and what became of the instants until now."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from roundsman.rendering import OUTCOME_STYLES
from roundsman.resources.schedule_shapes import Counters, Occurrence, Preview, Schedule, WorkOfSchedule
from roundsman.tables import table
from roundsman.visible import visible

STATE_STYLES = {"active": "green", "paused": "yellow", "finished": "dim", "invalid": "bold red"}
OCCURRENCE_STYLES = {"fired": "green", "skipped": "yellow", "missed": "bold red"}
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def schedule_table(schedules: Sequence[Schedule], now: datetime) -> Table:
    """A line for each."""
    made = table("id", "name", "when", "next", "last", "counted", "state")
    for each in schedules:
        made.add_row(
            str(each["id"]),
            Text(visible(each["name"] or "", limit=100), "bold"),
            Text(_when(each)),
            Text(_next(each, now)),
            _last(each["last"]),
            Text(counted(each["counters"])),
            Text(visible(each["state"], limit=20), STATE_STYLES.get(each["state"], "")),
        )
    return made


def print_schedule(schedule: Schedule, occurrences: Sequence[Occurrence], now: datetime, console: Console) -> None:
    """One schedule, and the instants at which it was due."""
    name = visible(schedule["name"] or f"schedule {schedule['id']}", limit=200)
    state = visible(schedule["state"], limit=20)
    console.print(Text.assemble((name, "bold"), ": ", (state, STATE_STYLES.get(state, "")), f" - {_when(schedule)}"))
    if schedule["note"]:
        console.print(Text(f"  {visible(schedule['note'], limit=1_000)}"))
    if schedule["upcoming"]:
        console.print(f"  next: {_next(schedule, now)}" + (", to be skipped" if schedule["skip_next"] else ""))
        for instant in schedule["upcoming"][1:]:
            console.print(f"        {_told(instant, now)}")
    console.print(f"  counted: {counted(schedule['counters']) or 'nothing yet'}")
    if occurrences:
        made = table("due", "outcome", "why not", "work")
        for each in occurrences:
            made.add_row(
                Text(visible(each["scheduled_for"], limit=40)),
                Text(visible(each["outcome"], limit=20), OCCURRENCE_STYLES.get(each["outcome"], "")),
                Text(visible(each["reason"] or "", limit=200)),
                Text(visible(f"{each['kind']} {each['work_id']}" if each["work_id"] else "", limit=60)),
            )
        console.print()
        console.print(made)


def print_preview(preview: Preview, now: datetime, console: Console) -> None:
    """The sentence, and the next instants in UTC and in the zone."""
    console.print(Text(visible(preview["sentence"], limit=500), "bold"))
    if not preview["instants"]:
        console.print("never again")
        return
    made = table("in", "UTC", visible(preview["timezone"], limit=100))
    for each in preview["instants"]:
        local = visible(each["local"], limit=40)
        made.add_row(Text(from_now(each["utc"], now)), Text(visible(each["utc"], limit=40)), Text(local))
    console.print(made)


def counted(counters: Counters) -> str:
    """The counters in words, without what there is none of.

    >>> counted({"fired": 3, "skipped": 0, "missed": 1})
    '3 fired, 1 missed'
    """
    named = (("fired", counters["fired"]), ("skipped", counters["skipped"]), ("missed", counters["missed"]))
    return ", ".join(f"{count:,} {name}" for name, count in named if count)


def from_now(instant: str, now: datetime) -> str:
    """How far away an instant is, in the two largest units that say something.

    >>> from_now("2026-03-01T14:05:09Z", datetime.fromisoformat("2026-03-01T12:00:00Z"))
    'in 2 h 5 min'
    >>> from_now("2026-03-01T11:59:30Z", datetime.fromisoformat("2026-03-01T12:00:00Z"))
    '30 s ago'
    >>> from_now("soon", datetime.fromisoformat("2026-03-01T12:00:00Z"))
    ''
    """
    try:
        seconds = round((datetime.fromisoformat(instant) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no instant of ours: it is shown as it came, without this
        return ""
    left = abs(seconds)
    parts: list[str] = []
    for unit, size in UNITS:
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    distance = " ".join(parts[:2])
    return f"in {distance}" if seconds >= 0 else f"{distance} ago"


def _when(schedule: Schedule) -> str:
    return visible(schedule["sentence"] or "no one can tell when", limit=300)


def _next(schedule: Schedule, now: datetime) -> str:
    return "" if schedule["next_run_at"] is None else _told(schedule["next_run_at"], now)


def _told(instant: str, now: datetime) -> str:
    """An instant, absolute and relative."""
    distance = from_now(instant, now)
    return visible(instant, limit=40) + (f" ({distance})" if distance else "")


def _last(work: WorkOfSchedule | None) -> Text:
    if work is None:
        return Text("")
    found = visible(work["outcome"] or work["state"], limit=20)
    return Text.assemble((found, OUTCOME_STYLES.get(found, "")), f" {visible(work['at'][:19], limit=20)}Z")
