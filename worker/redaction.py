"""Secrets taken out of text from outside: by the names they stand beside, and by their looks."""

import re
from typing import Final

REDACTED: Final = "[redacted]"

# A name with one of the words in it, its closing quote (with backslashes where JSON is text inside JSON), and
# the sign that a value follows. Every repetition is bounded, for the text is hostile.
_NAME: Final = re.compile(
    r"""(?<![\w.-])[\w.-]{0,60}?
        (?:(?P<whole_line>authorization|cookie)
          |password|passwd|passphrase|pwd|secret|token|credential
          |(?:api|access|private|signing|encryption)[_-]?key|session[_-]?id)
        [\w.-]{0,60}(?:\\{0,8}["'])?[ \t\n]{0,20}(?:=>|[:=>])[ \t\n]{0,20}""",
    re.VERBOSE | re.IGNORECASE,
)
# Values are read with a hand on the brackets, which no expression can count. What is cut off in its middle is a
# value as well, so no closing quote is asked for.
_QUOTED: Final = r""" "(?:[^"\\]|\\.)*(?:"|\\?$) | '(?:[^'\\]|\\.)*(?:'|\\?$) """
_TEXT: Final = re.compile(_QUOTED, re.VERBOSE | re.DOTALL)
_BRACKET_OR_TEXT: Final = re.compile(rf"[\[\]{{}}] | {_QUOTED}", re.VERBOSE | re.DOTALL)
_INNER_QUOTE: Final = re.compile(r"""\\{1,8}["']""")
_WORD: Final = re.compile(r"""[^\s,;&"'<>{}\[\]\\]*""")
_REST_OF_LINE: Final = re.compile(r"""[^\n"'<>\\]*""")

# The groups are what stays.
_BY_THEIR_LOOKS: Final = re.compile(
    r"""(?<![A-Za-z0-9])rk_[0-9A-Za-z]+_[0-9A-Za-z]+  # our keys
      | whsec_[A-Za-z0-9+/=_-]+  # our signing secrets
      | (?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*  # signed tokens
      | (\b(?i:bearer)[ ]{1,9})(?!(?i:tokens?|auth\w*|scheme|realm|errors?|is|or|and)\b)[\w.~+/=-]+
      | (\b(?i:basic)[ ]{1,9})(?=[a-z+/]*[A-Z0-9=])[A-Za-z0-9+/=]{4,}
      | (:(?:\\?/){2})[^\s/?\#"'<>\\]+(?=@)  # user and password of a URL""",
    re.VERBOSE,
)


def redacted(text: str) -> str:
    """The text with [redacted] in the place of what looks like a secret; rather too much than too little.

    >>> redacted('{"user": "ann", "password": "a, b", "api_key": ["x", {"y": 1}]}')
    '{"user": "ann", "password": [redacted], "api_key": [redacted]}'
    >>> redacted("access_token=abc&page=2 Authorization: Digest a=b, c=d")
    'access_token=[redacted]&page=2 Authorization: [redacted]'
    >>> redacted("Bearer abc at https://ann:pw@example.com/ with rk_1a_2b")
    'Bearer [redacted] at https://[redacted]@example.com/ with [redacted]'
    """
    return _BY_THEIR_LOOKS.sub(lambda found: "".join(filter(None, found.groups())) + REDACTED, _without_members(text))


def _without_members(text: str) -> str:
    kept: list[str] = []
    reached = 0
    for name in _NAME.finditer(text):
        if name.start() < reached:
            continue  # inside a value that is gone already
        end = _end_of_value(text, name.end(), whole_line=name["whole_line"] is not None)
        if end > name.end():
            kept += text[reached : name.end()], REDACTED
            reached = end
    return "".join(kept) + text[reached:]


def _end_of_value(text: str, start: int, *, whole_line: bool) -> int:
    if (inner := _INNER_QUOTE.match(text, start)) is not None:
        return _end_of_inner_text(text, inner)
    if (quoted := _TEXT.match(text, start)) is not None:
        return quoted.end()
    if text[start : start + 1] in ("[", "{"):
        return _end_of_container(text, start)
    plain = (_REST_OF_LINE if whole_line else _WORD).match(text, start)
    return plain.end() if plain is not None else start


def _end_of_inner_text(text: str, opening: re.Match[str]) -> int:
    """Where the same quote comes with as many backslashes: more of them are a quote within the value."""
    closing = re.compile(rf"(?<!\\){re.escape(opening[0])}").search(text, opening.end())
    return len(text) if closing is None else closing.end()


def _end_of_container(text: str, start: int) -> int:
    depth = 0
    for part in _BRACKET_OR_TEXT.finditer(text, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return len(text)
