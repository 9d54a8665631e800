"""The types that JSON tells apart, and the nothing that is not even null."""

from enum import Enum
from typing import Final, TypeGuard

from shared.domain.json_value import Json


class Absent(Enum):
    """The type of ABSENT: there is no such member, which is something else than a member that is null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


def kind(value: Json) -> str:
    """The JSON type; integers and other numbers are one.

    >>> [kind(value) for value in (None, True, 1, 1.5, "", [], {})]
    ['null', 'boolean', 'number', 'number', 'string', 'array', 'object']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether the value is a JSON number; true is none.

    >>> is_number(1.5), is_number(True)
    (True, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)
