"""The overview: what needs somebody, what comes within the hour, what was within the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import render_template

from api.auth import caller
from api.dashboard.blueprint import shows
from api.dashboard.calling import get
from api.dashboard.charts import Bar, places, stacked
from api.scheduling import stored_when
from api.sentences import sentence
from api.services import services
from api.store import dashboard_overview as store
from api.store.dashboard_overview import Tally
from shared.domain.when import instants
from shared.store import processes
from shared.store.schedules import Schedule

A_MINUTE, AN_HOUR, A_DAY = 60, 3_600, 86_400
STEP_OF_DAY = 1_800
SCHEDULES_SHOWN = 12
INSTANTS_SHOWN = 61
QUEUES_SHOWN = 12
CHART_WIDTH, CHART_HEIGHT = 320.0, 110.0
LINE_WIDTH = 600.0


@dataclass(frozen=True, slots=True)
class Line:
    """A schedule on the timeline: its instants within the hour, as marks, or as a band where they are too many."""

    schedule: Schedule
    sentence: str
    marks: list[float]
    is_dense: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns of one step each, the oldest first, and the same as numbers."""

    bars: list[Bar]
    top: int
    rows: list[tuple[str, int, int]]

    @property
    def good(self) -> int:
        return sum(row[1] for row in self.rows)

    @property
    def bad(self) -> int:
        return sum(row[2] for row in self.rows)


@shows("")
def overview() -> str:
    account_id = caller().account_id
    with services().database.reading() as cursor:
        totals = store.totals(cursor, account_id)
        deviations = store.deviations(cursor, account_id)
        troubles = store.troubles(cursor, account_id)
        failures = store.failures(cursor, account_id)
        ended = store.ended(cursor, account_id, seconds=A_DAY, step_seconds=A_MINUTE)
        due = store.next_schedules(cursor, account_id, seconds=AN_HOUR, limit=SCHEDULES_SHOWN + 1)
        alive = processes.alive(cursor)
    queues = get("/queues", limit=200)["data"]
    deepest = sorted(queues, key=lambda queue: -queue["pending"])[:QUEUES_SHOWN]
    return render_template(
        "ui/overview.html",
        place="overview",
        totals=totals,
        deviations=deviations,
        troubles=troubles,
        failures=failures,
        absent=_absent(alive),
        day=_chart(ended, A_DAY, STEP_OF_DAY, totals.now),
        hour=_chart(ended, AN_HOUR, A_MINUTE, totals.now),
        lines=[_line(schedule, totals.now) for schedule in due[:SCHEDULES_SHOWN]],
        more_lines=len(due) > SCHEDULES_SHOWN,
        queues=deepest,
        deepest=max((queue["pending"] for queue in deepest), default=0),
        hands=[totals.now + timedelta(minutes=minutes) for minutes in (0, 15, 30, 45, 60)],
    )


def _absent(alive: Sequence[Any]) -> list[str]:
    """Which kinds of processes nobody has started."""
    kinds = {process.kind for process in alive}
    return [kind for kind in ("scheduler", "worker") if kind not in kinds]


def _chart(tallies: Sequence[Tally], seconds: int, step_seconds: int, now: datetime) -> Chart:
    """Columns of so many seconds each, made of what ended in each minute."""
    steps = seconds // step_seconds
    columns = [{"good": 0, "bad": 0} for _ in range(steps)]
    for tally in tallies:
        age = tally.age * A_MINUTE // step_seconds
        if 0 <= age < steps:
            column = columns[steps - 1 - age]
            column["good"] += tally.good
            column["bad"] += tally.bad
    begins = [now - timedelta(seconds=step_seconds * (steps - number)) for number in range(steps)]
    labels = [
        f"{begin:%H:%M} UTC: {column['good']:,} well, {column['bad']:,} badly"
        for begin, column in zip(begins, columns, strict=True)
    ]
    bars, top = stacked(columns, labels, width=CHART_WIDTH, height=CHART_HEIGHT)
    rows = [(f"{begin:%H:%M}", column["good"], column["bad"]) for begin, column in zip(begins, columns, strict=True)]
    return Chart(bars, top, rows)


def _line(schedule: Schedule, now: datetime) -> Line:
    when = stored_when(schedule)
    if when is None or schedule.next_run_at is None:
        return Line(schedule, "", [], is_dense=False)
    first = schedule.next_run_at - timedelta(microseconds=1)
    due = instants(when, first, now + timedelta(seconds=AN_HOUR), INSTANTS_SHOWN, ends_at=schedule.ends_at)
    marks = [max(0.0, mark) for mark in places(due, now, AN_HOUR, LINE_WIDTH)]
    return Line(schedule, sentence(when), marks, is_dense=len(due) == INSTANTS_SHOWN)
