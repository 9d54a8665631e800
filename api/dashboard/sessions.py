"""Sessions: which key somebody has logged in with, in a signed cookie; nothing of it is kept here."""

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from flask import Response, current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from api.services import services
from api.store import logins

COOKIE = "roundsman_session"
LIFETIME_SECONDS = 7 * 86_400
RENEWED_AFTER_SECONDS = 3_600
MOST_NOTICES = 5


@dataclass(frozen=True, slots=True)
class Session:
    """`id` is what the forms of this session are tied to; `notices` are told on the next page."""

    id: str
    key_id: int | None = None
    notices: tuple[str, ...] = field(default=())


def new(key_id: int | None = None) -> Session:
    """A session of somebody with this key, or of nobody yet."""
    return Session(secrets.token_urlsafe(16), key_id)


def read() -> Session:
    """The session of this request; a new one when it has none that we signed within its lifetime."""
    try:
        kept, signed_at = _signer().loads(
            request.cookies.get(COOKIE, ""), max_age=LIFETIME_SECONDS, return_timestamp=True
        )
    except BadSignature:
        return new()
    session = Session(kept["id"], kept["key_id"], tuple(kept["notices"]))
    if datetime.now(UTC) - signed_at < timedelta(seconds=RENEWED_AFTER_SECONDS):
        g.session_in_cookie = session
    return session


def write(response: Response, session: Session) -> None:
    """Give the session to the browser, if it has another: for our pages alone, not for scripts, and over TLS only if
    it came so."""
    if g.get("session_in_cookie") == session:
        return
    response.set_cookie(
        COOKIE,
        _signer().dumps(asdict(session)),
        max_age=LIFETIME_SECONDS,
        path="/ui",
        secure=request.is_secure or request.headers.get("X-Forwarded-Proto") == "https",
        httponly=True,
        samesite="Lax",
    )


def notice(text: str) -> None:
    """Tell this on the next page that is shown."""
    g.session = replace(g.session, notices=(*g.session.notices, text[:300])[-MOST_NOTICES:])


def take_notices() -> tuple[str, ...]:
    """What is to be told now, and not again; a page that only updates itself tells nothing."""
    if request.headers.get("Sec-Fetch-Dest") == "empty":
        return ()
    told: tuple[str, ...] = g.session.notices
    if told:
        g.session = replace(g.session, notices=())
    return told


def form_token() -> str:
    """What a form must bring along to be one of this session."""
    return _token(g.session)


def is_own(session: Session, token: str) -> bool:
    return hmac.compare_digest(_token(session).encode(), token.encode())


def _token(session: Session) -> str:
    return hmac.new(_secret(), f"form of {session.id}".encode(), hashlib.sha256).hexdigest()[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_secret(), salt="session", signer_kwargs={"digest_method": hashlib.sha256})


def _secret() -> bytes:
    """From the database, so that all processes have the same; with the key of the settings, where there is one."""
    known: bytes | None = current_app.extensions.get("roundsman.dashboard_secret")
    if known is None:
        with services().database.reading() as cursor:
            in_database = logins.secret(cursor)
        of_settings = "".join(services().settings.secret_keys[:1]).encode()
        known = hmac.new(in_database, b"dashboard " + of_settings, hashlib.sha256).digest()
        current_app.extensions["roundsman.dashboard_secret"] = known
    return known
