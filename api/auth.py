"""Who is calling: every route but the public ones needs a key, as a bearer token or as a Basic user name."""

import hmac
from collections.abc import Callable
from typing import TypeVar, cast

from flask import Flask, current_app, g, request

from api.errors import Unauthorized
from api.services import services
from api.store import keys
from api.store.keys import ApiKey

View = TypeVar("View", bound=Callable[..., object])

# Where a request that the service makes to itself carries the key it is made with; no client can write there.
CALLER = "roundsman.caller"


def public(view: View) -> View:
    """Mark a view as open to everybody."""
    view.is_public = True  # type: ignore[attr-defined]  # a mark on a function has no declared place
    return view


def caller() -> ApiKey:
    """The key of this request."""
    return cast(ApiKey, g.key)


def is_on_a_page() -> bool:
    """Whether a person asks, from a page of the dashboard."""
    return CALLER in request.environ


def presented_secret() -> str | None:
    """The secret that this request presents, whatever it may be; None when there is none."""
    authorization = request.authorization
    if authorization is None:
        return "" if request.headers.get("Authorization") else None  # an unreadable secret is not the same as none
    if authorization.type == "bearer":
        return authorization.token or ""
    if authorization.type == "basic":
        return authorization.username or ""
    return ""


def authenticate() -> ApiKey:
    """The key that this request presents; raises Unauthorized."""
    within: ApiKey | None = request.environ.get(CALLER)
    if within is not None:
        g.key = within
        return within
    presented = presented_secret()
    if presented is None:
        raise Unauthorized("this needs an API key: Authorization: Bearer <key>")
    secret = keys.read_secret(presented)
    found = None
    if secret is not None:
        with services().database.reading() as cursor:
            found = keys.authenticate(cursor, secret)
    if found is None:
        raise Unauthorized("the API key is not known, or has been revoked")
    g.key = found
    return found


def is_admin(presented: str | None) -> bool:
    """Whether this is the operator's token, which may open accounts while sign-up is closed."""
    token = services().settings.admin_token
    return bool(token) and presented is not None and hmac.compare_digest(token.encode(), presented.encode())


def require_keys(app: Flask) -> None:
    """Ask for a key before every view that is not public."""

    @app.before_request
    def check_key() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if view is not None and not getattr(view, "is_public", False):
            authenticate()
