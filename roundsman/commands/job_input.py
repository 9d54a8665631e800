"""What is typed for a job: its payload, its headers, its delay."""

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from roundsman.visible import visible

MAX_FILE_BYTES = 1024 * 1024


class Payload(click.ParamType[Any]):
    """JSON, or @ and the name of a file that holds JSON; @- is standard input."""

    name = "payload"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value  # the default
        text = self._content(value[1:], param, ctx) if value.startswith("@") else value
        try:
            payload = json.loads(text)
            json.dumps(payload, allow_nan=False)
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be read"
            self.fail(f"{visible(value, limit=100)!r} is not JSON: {reason}", param, ctx)
        return payload

    def _content(self, file: str, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        try:
            with click.open_file(file, "rb") as stream:
                content: bytes = stream.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it cannot be one"
            self.fail(f"the file {visible(file, limit=100)!r} cannot be read: {reason}", param, ctx)
        if len(content) > MAX_FILE_BYTES:
            self.fail(f"the file {visible(file, limit=100)!r} is larger than {MAX_FILE_BYTES} bytes", param, ctx)
        return content


class NumberOfSeconds(click.ParamType[float]):
    """A number of seconds from 0; whole ones or not."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            self.fail(f"{visible(str(value), limit=100)!r} is no number of seconds from 0", param, ctx)
        return seconds


def parsed_headers(lines: Sequence[str]) -> dict[str, str]:
    """The headers by name. Raises click.BadParameter.

    >>> parsed_headers(["Authorization: Bearer x", "X-Empty:"])
    {'Authorization': 'Bearer x', 'X-Empty': ''}
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            _bad_header(f"{visible(line, limit=100)!r} is not 'NAME: VALUE'")
        if name.strip().lower() in {each.lower() for each in headers}:
            _bad_header(f"{visible(name.strip(), limit=100)!r} is given twice")
        headers[name.strip()] = value.strip()
    return headers


def _bad_header(sentence: str) -> NoReturn:
    raise click.BadParameter(sentence, param_hint="--header")
