"""Coming in and going out: with a key, or by a link that works once."""

from pathlib import Path

from flask import Response, g, redirect, render_template, request, send_from_directory, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import sessions
from api.dashboard.blueprint import does, open_to_all, shows
from api.errors import NotFound
from api.services import services
from api.store import keys, logins

ASSETS = Path(__file__).parent / "assets"
FILES = ("dashboard.css", "dashboard.js", "icon.svg")
THEMES = ("light", "dark", "auto")
A_YEAR = 365 * 86_400


@open_to_all
@shows("/login")
def login() -> AnyResponse | str:
    """The form that asks for a key; with a link's token, the way in."""
    if token := request.args.get("token"):
        with services().database.reading() as cursor:
            key_id = logins.use_link(cursor, token[:200])
        if key_id is not None:
            return _come_in(key_id)
        return _form("This link has been used, or is older than an hour. Log in with a key, or ask for a new link.")
    if "key" in g:
        return redirect(_there(), 303)
    return _form()


@open_to_all
@does("/login")
def log_in() -> AnyResponse | str:
    secret = keys.read_secret(request.form.get("key", "").strip())
    found = None
    if secret is not None:
        with services().database.reading() as cursor:
            found = keys.authenticate(cursor, secret)
    if found is None:
        return _form("The service does not know this key. It begins with rk_ and was shown once, when it was made.")
    return _come_in(found.id)


@open_to_all
@does("/logout")
def log_out() -> AnyResponse:
    g.session = sessions.new()
    return redirect(url_for("ui.login"), 303)


@open_to_all
@does("/theme")
def choose_theme() -> AnyResponse:
    """Light, dark, or as the browser has it."""
    response = redirect(_there(), 303)
    theme = request.form.get("theme")
    if theme in THEMES:
        response.set_cookie("roundsman_theme", theme, max_age=A_YEAR, path="/ui", httponly=True, samesite="Lax")
    return response


@open_to_all
@shows("/assets/<name>")
def asset(name: str) -> Response:
    if name not in FILES:
        raise NotFound("there is no such file")
    return send_from_directory(ASSETS, name, max_age=3_600)


@open_to_all
@shows("/<path:anything>")
def nothing(anything: str) -> str:
    """Any other path: an error page, also for whoever has not logged in."""
    raise NotFound(f"there is no page at /ui/{anything[:100]}")


def _come_in(key_id: int) -> AnyResponse:
    g.session = sessions.new(key_id)
    return redirect(_there(), 303)


def _there() -> str:
    """The page that was asked for before, if it is one of ours."""
    there = request.values.get("next", "")
    is_ours = there == "/ui" or (there.startswith(("/ui/", "/ui?")) and not there.startswith("/ui/log"))
    return there if is_ours and there.isprintable() and "\\" not in there else url_for("ui.overview")


def _form(problem: str | None = None) -> str:
    return render_template("ui/login.html", problem=problem, next=request.values.get("next", ""))
