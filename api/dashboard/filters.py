"""How values are written on a page: instants, spans of time, sizes, JSON."""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Flask, request, url_for
from markupsafe import Markup

from api.dashboard import sessions

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
LONGEST_JSON = 20_000


def register(app: Flask) -> None:
    """Let the templates use these."""
    for name, write in {
        "instant": instant,
        "span": span,
        "milliseconds": milliseconds,
        "number": number,
        "pretty": pretty,
        "compact": compact,
    }.items():
        app.jinja_env.filters[name] = write
    app.jinja_env.globals.update(
        here_with=here_with, form_token=sessions.form_token, take_notices=sessions.take_notices, theme=_theme
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def instant(value: str | datetime | None) -> Markup | str:
    """A moment as people say it, with the exact one for machines and for whoever points at it."""
    if value is None:
        return "–"
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    exact = moment.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S} UTC", from_now((exact - datetime.now(UTC)).total_seconds())
    )


def from_now(seconds: float) -> str:
    """How far away a moment is.

    >>> from_now(-7_300), from_now(90), from_now(0.2)
    ('2 h ago', 'in 1 min', 'now')
    """
    if abs(seconds) < 1:
        return "now"
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def span(seconds: float | None) -> str:
    """A length of time in its largest unit.

    >>> span(0.25), span(59), span(3_700), span(None)
    ('250 ms', '59 s', '1 h', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return next(f"{seconds // size:.0f} {unit}" for size, unit in UNITS if seconds >= size)


def milliseconds(value: float | None) -> str:
    """A length of time that is known to the millisecond.

    >>> milliseconds(12), milliseconds(1_530), milliseconds(95_000)
    ('12 ms', '1.5 s', '1 min')
    """
    if value is None:
        return "–"
    if value < 1_000:
        return f"{value:.0f} ms"
    return f"{value / 1_000:.1f} s" if value < 60_000 else span(value / 1_000)


def number(value: float | None) -> str:
    """A number with its thousands apart.

    >>> number(12_345), number(None)
    ('12,345', '–')
    """
    return "–" if value is None else f"{value:,}"


def pretty(value: Any) -> str:
    """A JSON value to be read, cut when it is very long."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= LONGEST_JSON else f"{text[:LONGEST_JSON]}\n… ({len(text):,} characters in all)"


def compact(value: Any, most: int = 80) -> str:
    """A JSON value in a line.

    >>> compact({"a": [1, "é"]})
    '{"a": [1, "é"]}'
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def here_with(**changes: Any) -> str:
    """This page with other filters; what is None is left out, and the page begins anew."""
    kept = {name: value for name, value in request.args.items() if name not in ("cursor", "token")}
    chosen = {name: value for name, value in (kept | changes).items() if value not in (None, "")}
    return url_for(request.endpoint or "ui.overview", **(request.view_args or {}), **chosen)


def _theme() -> str:
    theme = request.cookies.get("roundsman_theme", "auto")
    return theme if theme in ("light", "dark") else "auto"
