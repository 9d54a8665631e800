"""Tasks as clients push, pop, end and read them."""

import re
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import ValidationError, fields, validates, validates_schema

from api.schemas.answers import PageQuery
from api.schemas.checks import check_queue_name
from api.schemas.fields import WORK_STATES, Boolean, Integer, Items, Json, Number, Object, Text, Word, left_out

A_YEAR = 31_536_000  # in seconds
LONGEST_LEASE = 43_200  # in seconds
MOST_AT_ONCE = 1_000
MOST_POPPED = 100
MOST_MESSAGES = 100
LONGEST_MESSAGE = 10_000
UUID_TEXT = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Uuid(fields.UUID):
    """A UUID as text, with its hyphens."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> UUID:
        if not isinstance(value, str) or not UUID_TEXT.fullmatch(value):
            raise ValidationError("must be a UUID, such as 00000000-0000-7000-8000-000000000000")
        return UUID(value)


class TaskInput(Object):
    payload = Json(required=True, metadata={"description": "any JSON, handed to whoever pops the task"})
    delay_seconds = Number(least=0, most=A_YEAR, load_default=0, metadata={"description": "due that long from now"})
    priority = Integer(least=-100, most=100, load_default=0, metadata={"description": "higher comes first"})
    max_attempts = Integer(least=1, most=100, load_default=4)
    timeout_seconds = Integer(
        least=1,
        most=LONGEST_LEASE,
        load_default=left_out,
        metadata={"description": "the whole allowance of an attempt, however often its lease is extended"},
    )
    dedup_key = Text(
        most=200,
        load_default=left_out,
        metadata={"description": "while a task of the queue with this key has not ended, that one is the answer"},
    )


class PushInput(TaskInput):
    """One task, or a list of them."""

    payload = Json(
        metadata={"description": "any JSON, handed to whoever pops the task; required unless tasks are given"}
    )
    tasks = Items(
        fields.Nested(TaskInput), least=1, most=MOST_AT_ONCE, metadata={"description": "instead of one: many at once"}
    )

    example: ClassVar[dict[str, Any]] = {"payload": {"to": "ada@example.com"}, "priority": 5, "dedup_key": "mail 17"}

    @validates("tasks")
    def check_keys(self, tasks: list[dict[str, Any]], **_: Any) -> None:
        seen: set[str] = set()
        repeated: dict[int, dict[str, list[str]]] = {}
        for place, task in enumerate(tasks):
            key = task.get("dedup_key")
            if key in seen:
                repeated[place] = {"dedup_key": ["must not be the key of another task of the list"]}
            elif key is not None:
                seen.add(key)
        if repeated:
            raise ValidationError(repeated)

    @validates_schema(pass_original=True)
    def check_one_or_many(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        if "tasks" not in original:
            if "payload" not in original:
                raise ValidationError("must be given, unless tasks are", "payload")
            return
        single = set(original) & set(TaskInput._declared_fields)
        if single:
            raise ValidationError({name: ["must be left out when tasks are given"] for name in sorted(single)})


class PopInput(Object):
    may_be_empty = True
    max = Integer(least=1, most=MOST_POPPED, load_default=1)
    lease_seconds = Integer(
        least=1, most=LONGEST_LEASE, load_default=60, metadata={"description": "how long before they must be ended"}
    )
    wait_seconds = Number(
        least=0, most=20, load_default=0, metadata={"description": "how long to wait for a task if there is none"}
    )
    worker = Text(most=200, load_default=left_out, metadata={"description": "who asks, for people to read"})

    example: ClassVar[dict[str, Any]] = {"max": 10, "lease_seconds": 120, "wait_seconds": 20, "worker": "mailer-1"}


class LeaseInput(Object):
    lease_token = Uuid(required=True, metadata={"description": "as pop gave it"})


class AckInput(LeaseInput):
    result = Json(load_default=None, metadata={"description": "kept with the task"})

    example: ClassVar[dict[str, Any]] = {
        "lease_token": "00000000-0000-4000-8000-000000000000",
        "result": {"message_id": 17},
    }


class NamedAckInput(AckInput):
    id = Uuid(required=True)


class AcksInput(Object):
    acks = Items(fields.Nested(NamedAckInput), least=1, most=MOST_AT_ONCE, required=True)

    example: ClassVar[dict[str, Any]] = {"acks": [{"id": "00000000-0000-7000-8000-000000000000"} | AckInput.example]}

    @validates("acks")
    def check_acks(self, acks: list[dict[str, Any]], **_: Any) -> None:
        ids = [ack["id"] for ack in acks if "id" in ack]
        if len(set(ids)) < len(ids):
            raise ValidationError("must name every task once")


class FailInput(LeaseInput):
    error = Text(least=0, most=LONGEST_MESSAGE, required=True, metadata={"description": "for people to read"})
    retry = Boolean(load_default=True, metadata={"description": "whether to try again, if an attempt is left"})
    delay_seconds = Number(least=0, most=A_YEAR, load_default=0, metadata={"description": "how long to wait with that"})

    example: ClassVar[dict[str, Any]] = {
        "lease_token": "00000000-0000-4000-8000-000000000000",
        "error": "the mail server is away",
        "delay_seconds": 30,
    }


class ReleaseInput(LeaseInput):
    example: ClassVar[dict[str, Any]] = {"lease_token": "00000000-0000-4000-8000-000000000000"}


class ExtendInput(LeaseInput):
    lease_seconds = Integer(least=1, most=LONGEST_LEASE, required=True, metadata={"description": "from now on"})

    example: ClassVar[dict[str, Any]] = {"lease_token": "00000000-0000-4000-8000-000000000000", "lease_seconds": 60}


class LogInput(LeaseInput):
    message = Text(least=0, most=LONGEST_MESSAGE)
    messages = Items(Text(least=0, most=LONGEST_MESSAGE), least=1, most=MOST_MESSAGES)

    example: ClassVar[dict[str, Any]] = {
        "lease_token": "00000000-0000-4000-8000-000000000000",
        "message": "connected",
    }

    @validates_schema
    def check_one(self, data: dict[str, Any], **_: Any) -> None:
        if ("message" in data) == ("messages" in data):
            raise ValidationError("exactly one of message and messages must be given", "message")


class TaskQuery(PageQuery):
    queue = Text(most=100, validate=check_queue_name, load_default=left_out)
    state = Word(*WORK_STATES, load_default=left_out)
