"""Strict fields: `true` is no integer, `"5"` is no number, and every message says what was expected."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from api.services import services
from shared.domain.instants import write_instant
from shared.domain.urls import target_problem

RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
FIRST_YEAR, LAST_YEAR = 2000, 2100
QUEUE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
MOST_ID = 2**53
WORK_STATES = ("pending", "running", "succeeded", "failed", "canceled")
INSTANT = {"type": "string", "format": "date-time", "example": "2026-03-01T12:00:00Z"}


class Object(Schema):
    """An object of the interface, whose every member is known."""

    error_messages = {"type": "must be an object", "unknown": "is no field of this object"}  # noqa: RUF012 (marshmallow declares it as an instance's)


class Items(fields.List):  # type: ignore[type-arg]  # generic only for type checkers
    """A list within a length, which is looked at before the items are: each of those costs far more than its text."""

    def __init__(
        self, item: fields.Field[Any] | type[fields.Field[Any]], *, least: int, most: int, **options: Any
    ) -> None:
        self._most = most
        self._bounds = f"must be a list of {least} to {most}"
        super().__init__(item, validate=validate.Length(least, most, error=self._bounds), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > self._most:
            raise ValidationError(self._bounds)
        return super()._deserialize(value, attr, data, **options)


class Integer(fields.Integer):
    """A whole number within bounds."""

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most), **options)
        self._bounds = f"must be a whole number from {least} to {most}"
        self.validators = [validate.Range(least, most, error=self._bounds)]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError(self._bounds)
        return value


class Number(fields.Float):
    """A number within bounds, whole or not."""

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        self._bounds = f"must be a number from {least} to {most}"
        super().__init__(validate=validate.Range(least, most, error=self._bounds), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError(self._bounds)
        return value


class Boolean(fields.Boolean):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Text(fields.String):
    """A string within a length, without NUL characters: those cannot be stored."""

    def __init__(self, *, least: int = 1, most: int, **options: Any) -> None:
        self._bounds = f"must be a string of {least} to {most} characters"
        extra = options.pop("validate", [])
        checks = [validate.Length(least, most, error=self._bounds)]
        super().__init__(validate=[*checks, *(extra if isinstance(extra, list) else [extra])], **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError(self._bounds)
        if "\0" in value:
            raise ValidationError("must not contain NUL characters")
        return value


class Word(fields.String):
    """One of a few words."""

    def __init__(self, *words: str, **options: Any) -> None:
        self._words = f"must be one of: {', '.join(words)}"
        super().__init__(validate=validate.OneOf(words, error=self._words), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError(self._words)
        return value


class Url(Text):
    """An http or https URL that we may call, as far as that can be told before its name is looked up."""

    def __init__(self, *, description: str = "", **options: Any) -> None:
        metadata = {"format": "uri"} | ({"description": description} if description else {})
        super().__init__(most=2_048, validate=[check_target], metadata=metadata, **options)


def left_out() -> None:
    """The value of a parameter that was left out: a function, so that null is not documented as one to give."""


class QueryInteger(Integer):
    """A whole number written in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
            raise ValidationError(self._bounds)
        return int(value)


class Timestamp(fields.Field):  # type: ignore[type-arg]  # generic only for type checkers: Field[...] fails when run
    """An instant, written in RFC 3339 in UTC with a Z."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.metadata = {**INSTANT, **self.metadata}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> Any:
        return write_timestamp(value)


class Instant(fields.Field):  # type: ignore[type-arg]  # generic only for type checkers
    """An instant written in RFC 3339 with its offset from UTC; what is finer than a microsecond is cut off."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.metadata = {**INSTANT, **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> datetime:
        instant = read_instant(value) if isinstance(value, str) else None
        if instant is None:
            raise ValidationError(
                "must be a time in RFC 3339 with its offset from UTC, such as 2026-03-01T12:00:00Z,"
                f" in the years {FIRST_YEAR} to {LAST_YEAR}"
            )
        return instant


def read_instant(text: str) -> datetime | None:
    """The instant in UTC, if the text is one in RFC 3339 within our years.

    >>> read_instant("2026-03-29T02:30:00+02:00")
    datetime.datetime(2026, 3, 29, 0, 30, tzinfo=datetime.timezone.utc)
    >>> read_instant("2026-02-30T00:00:00Z") is None
    True
    """
    if not RFC_3339.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # a day that does not exist; an offset that leads out of the calendar
        return None
    return instant if FIRST_YEAR <= instant.year <= LAST_YEAR else None


def write_timestamp(instant: datetime | None) -> str | None:
    """The instant in RFC 3339.

    >>> write_timestamp(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    '2026-03-29T01:00:00Z'
    """
    if instant is None:
        return None
    return write_instant(instant)


class Json(fields.Raw):
    """Any JSON value; null, too, is a value."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_none=True, **options)


def text_map(name: str, valid_name: Callable[[str], bool], most: int) -> Callable[[Any], None]:
    """A validator for an object whose members are strings."""

    def check(value: Any) -> None:
        if len(value) > most:
            raise ValidationError(f"must have at most {most} members")
        problems = {}
        for key, member in value.items():
            if not valid_name(key):
                problems[key] = [f"is not a valid {name} name"]
            elif not isinstance(member, str) or len(member) > 10_000:
                problems[key] = ["must be a string of at most 10000 characters"]
        if problems:
            raise ValidationError(problems)

    return check


class TextMap(fields.Field):  # type: ignore[type-arg]  # generic only for type checkers
    """An object of strings."""

    def __init__(self, name: str, *, valid_name: Callable[[str], bool], most: int, **options: Any) -> None:
        super().__init__(validate=text_map(name, valid_name, most), **options)
        self.metadata = {**self.metadata, "type": "object", "additionalProperties": {"type": "string"}}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError("must be an object of strings")
        return value


def check_target(url: str) -> None:
    """A URL that we may call: addresses that are written in it are judged by the settings of this service."""
    if problem := target_problem(url, services().settings.egress_allow):
        raise ValidationError(problem)
