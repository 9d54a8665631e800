"""Pages of a list: a limit, and a cursor that names the last row seen."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from api.errors import FieldProblem, InvalidInput

Row = TypeVar("Row")


def write_cursor(last_id: int | UUID | datetime | str) -> str:
    """A cursor that continues behind this row.

    >>> read_integer_cursor(write_cursor(41))
    41
    """
    return base64.urlsafe_b64encode(str(last_id).encode()).decode().rstrip("=")


def read_integer_cursor(cursor: str | None) -> int:
    """The id behind which the page begins; 0 without a cursor. Raises InvalidInput."""
    if cursor is None:
        return 0
    text = _decode(cursor)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _invalid()
    return int(text)


def read_uuid_cursor(cursor: str | None) -> UUID | None:
    """The id behind which the page begins; None without a cursor. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        return UUID(_decode(cursor))
    except ValueError:
        raise _invalid() from None


def read_instant_cursor(cursor: str | None) -> datetime | None:
    """The instant before which the page begins; None without a cursor. Raises InvalidInput.

    >>> read_instant_cursor(write_cursor(datetime.fromisoformat("2026-03-01T12:00:00+00:00"))).isoformat()
    '2026-03-01T12:00:00+00:00'
    """
    if cursor is None:
        return None
    try:
        instant = datetime.fromisoformat(_decode(cursor))
    except ValueError:
        raise _invalid() from None
    if instant.tzinfo is None:
        raise _invalid()
    return instant


def read_name_cursor(cursor: str | None, is_name: Callable[[str], bool]) -> str | None:
    """The name behind which the page begins; None without a cursor. Raises InvalidInput.

    >>> read_name_cursor(write_cursor("emails"), str.isalpha)
    'emails'
    """
    if cursor is None:
        return None
    name = _decode(cursor)
    if not is_name(name):
        raise _invalid()
    return name


def page_of(
    rows: Sequence[Row],
    limit: int,
    as_object: Callable[[Row], dict[str, Any]],
    last_id: Callable[[Row], int | UUID | datetime | str],
) -> dict[str, Any]:
    """The page as clients see it; `rows` holds one more than the limit when there is a next page."""
    return page_with_more(rows[:limit], len(rows) > limit, as_object, last_id)


def page_with_more(
    rows: Sequence[Row],
    has_more: bool,
    as_object: Callable[[Row], dict[str, Any]],
    last_id: Callable[[Row], int | UUID | datetime | str],
) -> dict[str, Any]:
    """The page as clients see it; `has_more` says whether there is a next one."""
    return {
        "data": [as_object(row) for row in rows],
        "next_cursor": write_cursor(last_id(rows[-1])) if has_more and rows else None,
    }


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise _invalid() from None


def _invalid() -> InvalidInput:
    return InvalidInput(
        "the cursor is not valid",
        errors=[FieldProblem("/cursor", "must be the next_cursor of an earlier page")],
    )
