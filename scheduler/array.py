"""Arrays for bulk statements, as one literal each."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

Element = bool | int | str | datetime | UUID | None


def array(values: Iterable[Element]) -> str:
    """The values as the text of a Postgres array, to be cast where it is used.

    The driver would write an ARRAY of as many expressions, each parsed and planned by itself: for thousands of
    elements that costs more than what is done with them.

    >>> array([1, None, True, 'say "so"'])
    '{1,NULL,t,"say \\\\"so\\\\""}'
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Element) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
