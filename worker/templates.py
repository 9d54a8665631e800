"""Variables filled into JSON values: {{name}} in any string, in member names too."""

import re
from collections.abc import Mapping
from typing import Final

from shared.domain.json_value import Json, written

MAX_FILLED_CHARACTERS: Final = 1_048_576

_PLACEHOLDER: Final = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_.-]*) *\}\}")


class Unfillable(Exception):
    """The value cannot be filled; `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnresolvedVariable(Unfillable):
    """A placeholder names a variable that has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{{{{{name[:100]}}}}} has no value")
        self.name = name


def fill(value: Json, variables: Mapping[str, Json]) -> Json:
    """The value with every placeholder replaced; what was filled in is not filled again.

    A string that is nothing but one placeholder becomes the variable's value itself; inside longer text, and
    in member names, values that are no strings are written as JSON. Braces around no name stay as they are.
    Raises UnresolvedVariable, and Unfillable when the text would pass MAX_FILLED_CHARACTERS or when two members
    of an object would get the same name.

    >>> fill({"id": "{{id}}", "path": "/items/{{ id }}"}, {"id": 7})
    {'id': 7, 'path': '/items/7'}
    """
    return _Filling(variables).filled(value)


class _Filling:
    """One value being filled, and how many characters it may still take."""

    def __init__(self, variables: Mapping[str, Json]) -> None:
        self._variables = variables
        self._texts: dict[str, str] = {}
        self._left = MAX_FILLED_CHARACTERS

    def filled(self, value: Json) -> Json:
        if isinstance(value, str):
            if whole := _PLACEHOLDER.fullmatch(value):
                self._take(len(self._text(whole[1])))
                return self._variables[whole[1]]
            return self._filled_text(value)
        if isinstance(value, list):
            return [self.filled(element) for element in value]
        if isinstance(value, dict):
            return self._filled_members(value)
        return value

    def _filled_members(self, members: dict[str, Json]) -> Json:
        filled: dict[str, Json] = {}
        for key, member in members.items():
            name = self._filled_text(key)
            if name in filled:
                raise Unfillable(f"two members of an object are both named '{name[:100]}' once filled")
            filled[name] = self.filled(member)
        return filled

    def _filled_text(self, text: str) -> str:
        pieces, end = [], 0
        for placeholder in _PLACEHOLDER.finditer(text):
            pieces += [text[end : placeholder.start()], self._text(placeholder[1])]
            end = placeholder.end()
            self._take(sum(map(len, pieces[-2:])))
        self._take(len(text) - end)
        return "".join((*pieces, text[end:]))

    def _text(self, name: str) -> str:
        """What stands for the variable inside text; written once, however often it is used."""
        if name not in self._variables:
            raise UnresolvedVariable(name)
        text = self._texts.get(name)
        if text is None:
            value = self._variables[name]
            text = self._texts[name] = value if isinstance(value, str) else written(value)
        return text

    def _take(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise Unfillable(f"filled with its variables it is longer than {MAX_FILLED_CHARACTERS:,} characters")
