"""What every page has in common: who looks at it, what its forms must prove, and what a browser may do with it."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.auth import public
from api.dashboard import sessions
from api.errors import Problem
from api.json_body import read_in_time
from api.services import services
from api.store import logins

View = TypeVar("View", bound=Callable[..., Any])

blueprint = Blueprint("ui", __name__, url_prefix="/ui", template_folder="templates")

# Everything observed may be hostile. Nothing but our own files is loaded, nothing inline is run, nobody frames us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FORM_PARTS = 2_000
_OPEN: set[str] = set()


def shows(rule: str) -> Callable[[View], View]:
    """A page at this path."""
    return _at(rule, "GET")


def does(rule: str) -> Callable[[View], View]:
    """What a form does that is sent to this path."""
    return _at(rule, "POST")


def open_to_all(view: View) -> View:
    """Also for whoever has not logged in; stands above `shows` and `does`."""
    _OPEN.add(f"{blueprint.name}.{view.__name__}")
    return view


def _at(rule: str, method: str) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        # The API's keys are not asked for here: a session stands for one.
        blueprint.add_url_rule(rule, view_func=public(view), methods=[method])
        return view

    return decorate


@blueprint.before_request
def _know_who_looks() -> AnyResponse | None:
    request.max_content_length = request.max_form_memory_size = services().settings.max_body_bytes
    request.max_form_parts = FORM_PARTS
    if request.method == "POST":
        read_in_time(lambda: request.get_data(parse_form_data=False))  # kept: the form is read from it
    g.session = sessions.read()
    if g.session.key_id is not None:
        with services().database.reading() as cursor:
            logged_in = logins.key(cursor, g.session.key_id)
        if logged_in is None:
            g.session = sessions.new()
        else:
            g.key = logged_in.key
    if "key" not in g and request.endpoint not in _OPEN:
        there = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("ui.login", next=there), 303)
    if request.method == "POST":
        _require_own_form()
    return None


def _require_own_form() -> None:
    """A form of ours, from a page of ours: anything else could have been sent by any page the browser has open."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem("this form was sent from another site", status=403)
    if not sessions.is_own(g.session, request.form.get("csrf", "")):
        raise Problem("this page is too old to be sent; go back, reload it, and send it again", status=403)


@blueprint.after_request
def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    if "session" in g and request.endpoint != "ui.asset":
        sessions.write(response, g.session)
    return response
