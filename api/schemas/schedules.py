"""Schedules as clients write and read them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, missing, post_load, validates_schema

from api.schedule_targets import DEFAULT_QUEUE, TARGETS, named_targets, owners
from api.schemas.answers import PageQuery
from api.schemas.checks import check_cron, check_queue_name, check_zone, is_variable_name
from api.schemas.fields import (
    MOST_ID,
    Boolean,
    Instant,
    Integer,
    Json,
    Object,
    QueryInteger,
    Text,
    TextMap,
    Word,
    left_out,
)
from api.schemas.jobs import CallInput
from shared.domain.when import MAX_MINUTE

WHENS = ("cron", "interval_seconds", "run_at", "minute")
STATES = ("active", "paused", "finished", "invalid")
OUTCOMES = ("fired", "skipped", "missed")
MOST_INTERVAL_SECONDS = 2**31 - 1  # 68 years: what the column holds
MOST_OCCURRENCES = 1_000_000_000
A_DAY, A_YEAR = 86_400, 31_536_000  # in seconds


class OfCallOrTask(Integer):
    """A whole number from 1 on, which may be larger of a task than of a call."""

    def __init__(self, *, of_call: int, of_task: int, **options: Any) -> None:
        super().__init__(least=1, most=of_task, **options)
        self._of_call = Integer(least=1, most=of_call)

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        if isinstance(data, Mapping) and "uri" in data and value is not None and value is not missing:
            return self._of_call.deserialize(value, attr, data, **options)
        return super().deserialize(value, attr, data, **options)


class ScheduleInput(CallInput):
    """When (exactly one of cron, interval_seconds, run_at and minute) and what; the rest may be left out.

    A schedule of jobs has the fields of their call, one of tasks those of a push.
    """

    needs_target: ClassVar[bool] = True

    name = Text(most=200, metadata={"description": "unique in the account"})
    cron = Text(
        most=200,
        validate=check_cron,
        metadata={
            "description": "five fields, six with the second first, or @hourly, @daily, @weekly, @monthly, @yearly",
            "example": "30 9 * * MON-FRI",
        },
    )
    timezone = Text(
        most=100,
        validate=check_zone,
        metadata={"description": "IANA zone of the cron; UTC when left out", "example": "Europe/Berlin"},
    )
    interval_seconds = Integer(
        least=1,
        most=MOST_INTERVAL_SECONDS,
        metadata={"description": "from starts_at on; without it, first one interval after the creation"},
    )
    run_at = Instant(
        metadata={"description": "once; if that is past, at once, or recorded as missed beyond the catch-up window"}
    )
    minute = Integer(least=0, most=MAX_MINUTE, metadata={"description": "minutes since 1970-01-01T00:00Z"})
    recurring = Word("none", "daily", "weekly", metadata={"description": "of minute; none when left out"})
    checklist_id = Integer(least=1, most=MOST_ID, metadata={"description": "the checklist to run"})
    variables = TextMap("variable", valid_name=is_variable_name, most=100)
    queue = Text(
        most=100,
        validate=check_queue_name,
        metadata={"description": "where a task is pushed; `default` when there is a minute and nothing else to do"},
    )
    priority = Integer(least=-100, most=100, metadata={"description": "of the task: higher first; 0 when left out"})
    payload = Json(metadata={"description": "any JSON: the body of the call, or what the task is about"})
    timeout_seconds = OfCallOrTask(
        of_call=900,
        of_task=43_200,
        metadata={
            "description": (
                "of one attempt; a call may take 900, and 30 when left out, a task as long as its lease is extended"
            )
        },
    )
    max_attempts = OfCallOrTask(
        of_call=20,
        of_task=100,
        metadata={"description": "4 when left out; of a call at most 20"},
    )
    paused = Boolean(load_default=False)
    note = Text(most=1_000, metadata={"description": "why it is paused, or anything else; resuming forgets it"})
    starts_at = Instant(metadata={"description": "no instant before this one counts"})
    ends_at = Instant(metadata={"description": "no instant after this one counts"})
    max_occurrences = Integer(
        least=1, most=MOST_OCCURRENCES, metadata={"description": "it ends when it has fired so often"}
    )
    jitter_seconds = Integer(
        least=0,
        most=A_DAY,
        load_default=0,
        metadata={"description": "each occurrence begins up to so much later, always the same for one instant"},
    )
    overlap = Word(
        *("skip", "queue_one", "allow", "cancel_running"),
        load_default="skip",
        metadata={"description": "what to do when the work of an earlier occurrence has not ended"},
    )
    catchup_window_seconds = Integer(
        least=0, most=A_YEAR, load_default=3_600, metadata={"description": "how late an occurrence may still begin"}
    )
    coalesce = Word(
        *("latest", "earliest", "all"),
        load_default="latest",
        metadata={"description": "which of several late occurrences begin"},
    )
    pause_on_failure = Boolean(load_default=False)
    pause_on_change = Boolean(load_default=False)

    example: ClassVar[dict[str, Any]] = {
        "name": "every working morning",
        "cron": "30 9 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "checklist_id": 1,
        "variables": {"user": "ada"},
        "pause_on_failure": True,
    }

    @validates_schema
    def check_when(self, data: dict[str, Any], **_: Any) -> None:
        if sum(name in data for name in WHENS) != 1:
            raise ValidationError("exactly one of cron, interval_seconds, run_at and minute must be given")
        for name, owner in (("timezone", "cron"), ("recurring", "minute")):
            if name in data and owner not in data:
                raise ValidationError(f"may only be given with {owner}", name)

    @validates_schema
    def check_what(self, data: dict[str, Any], **_: Any) -> None:
        named = named_targets(data)
        if len(named) > 1:
            raise ValidationError(f"only one of {', '.join(TARGETS)} may be given")
        if not named and "minute" in data:
            named = ["queue"]
        if not named and self.needs_target:
            raise ValidationError(f"one of {', '.join(TARGETS)} must be given")
        for name in data:
            if (known := owners(name)) and not set(known) & set(named):
                raise ValidationError(f"may only be given with {' or '.join(known)}", name)

    @post_load
    def fill_queue(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """A minute and nothing to do asks for a task in the queue `default`."""
        if self.needs_target and not named_targets(data):
            return data | {"queue": DEFAULT_QUEUE}
        return data

    @validates_schema
    def check_bounds(self, data: dict[str, Any], **_: Any) -> None:
        if "starts_at" in data and "ends_at" in data and data["ends_at"] < data["starts_at"]:
            raise ValidationError("must not be before starts_at", "ends_at")


class SchedulePreviewInput(ScheduleInput):
    """As for creating; what is to be done may be left out, and is not looked for."""

    needs_target = False


class ScheduleQuery(PageQuery):
    name = Text(most=200, load_default=left_out, metadata={"description": "only the schedule of this name"})
    checklist_id = QueryInteger(least=1, most=MOST_ID, load_default=left_out)
    state = Word(*STATES, load_default=left_out)


class OccurrenceQuery(PageQuery):
    outcome = Word(*OUTCOMES, load_default=left_out)


class PauseInput(Object):
    may_be_empty = True
    note = Text(most=1_000, metadata={"description": "why"})
