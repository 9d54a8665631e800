"""A YAML scalar as the JSON value it stands for."""

import re

# What YAML and JSON both read as a number.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# What some YAML reads as a number, but JSON cannot write, or would write as another number.
DOUBTFUL = re.compile(
    r"[-+]?(0[0-9_]+|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9]+|[0-9]*\.[0-9]+|[0-9]+\.)([eE][+-]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
MAX_INTEGER = 2**53


class DoubtfulScalar(ValueError):
    """A scalar that would not be what it looks like; the message says what to write in its place."""


def read_plain(text: str) -> str | int | float | bool | None:
    """The value of a scalar without quotes, as YAML 1.2 has it: `NO`, `yes` and dates are text.

    Raises DoubtfulScalar.

    >>> [read_plain(text) for text in ("1", "1.50", "~", "true", "NO", "2026-03-01", "12:30:00")]
    [1, 1.5, None, True, 'NO', '2026-03-01', '12:30:00']
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    if match := NUMBER.fullmatch(text):
        return _number(text, is_whole=match[2] is None and match[3] is None)
    if DOUBTFUL.fullmatch(text):
        raise DoubtfulScalar(
            f"{text[:50]} is a number in YAML but not in JSON: put it in quotes to keep it as text, "
            "or write the number as JSON does"
        )
    return text


def _number(text: str, *, is_whole: bool) -> int | float:
    # Looked at by its length first: Python refuses to read an integer of thousands of digits.
    if is_whole and (len(text) > 20 or abs(int(text)) > MAX_INTEGER):
        raise DoubtfulScalar(f"{text[:50]} is past ±2^53: put it in quotes to keep it as text")
    number = int(text) if is_whole else float(text)
    if abs(number) == float("inf"):
        raise DoubtfulScalar(f"{text[:50]} is too large for a number: put it in quotes to keep it as text")
    return number
