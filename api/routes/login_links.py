"""Links that log a person in to the dashboard, once."""

import secrets

from flask import Response

from api.auth import caller
from api.blueprint import Blueprint
from api.creating import Answer
from api.schemas.answers import NothingSchema
from api.schemas.keys import LoginLinkSchema
from api.services import services
from api.store import logins
from shared.domain.instants import write_instant

blueprint = Blueprint("login-links", __name__, description="Links that log a person in to the dashboard.")


@blueprint.post("/login-links")
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(200, LoginLinkSchema)
@blueprint.problems(400, 401, 422)
def create_login_link(_fields: dict[str, object]) -> Response:
    """Create a link to the dashboard that logs in with this key, once and within an hour"""
    token = secrets.token_urlsafe(32)
    with services().database.reading() as cursor:
        expires_at = logins.add_link(cursor, caller().id, token)
    path = f"/ui/login?token={token}"
    return Answer({"path": path, "expires_at": write_instant(expires_at)}).response()
