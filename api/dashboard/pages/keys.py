"""Keys: who may call for this account, and the secrets that are shown once."""

from typing import Any

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.auth import caller
from api.dashboard import sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal, get, send
from api.errors import NotFound

LAST_WORD = "delete everything"


@shows("/keys")
def keys() -> str:
    return _page()


@does("/keys")
def create_key() -> AnyResponse | str | tuple[str, int]:
    made = send("POST", "/api-keys", {"name": request.form.get("name", "").strip()})
    if isinstance(made, Refusal):
        return _page(made), 422
    # Shown from this answer alone: the secret is kept nowhere, and in no cookie or address.
    return render_template(
        "ui/secret.html", place="keys", what="key", name=made["name"], secret=made["api_key"], back="ui.keys"
    )


@does("/keys/<id:key_id>/revoke")
def revoke_key(key_id: int) -> AnyResponse | tuple[str, int]:
    """Revoke a key; the last one only with a word that shows that somebody has read what goes with it."""
    listed = _keys()
    if key_id not in [key["id"] for key in listed]:
        raise NotFound("there is no such key in this account")
    if len(listed) == 1 and request.form.get("word", "").strip() != LAST_WORD:
        return _page(Refusal("Nothing was deleted.", {"/word": f"write “{LAST_WORD}” to revoke the last key"})), 422
    send("DELETE", f"/api-keys/{key_id}")
    if key_id == caller().id:
        g.session = sessions.new()
        return redirect(url_for("ui.login"), 303)
    sessions.notice("The key is revoked; whoever uses it is refused from now on.")
    return redirect(url_for("ui.keys"), 303)


def _page(refused: Refusal | None = None) -> str:
    return render_template(
        "ui/keys.html", place="keys", keys=_keys(), refused=refused, typed=request.form, last_word=LAST_WORD
    )


def _keys() -> list[dict[str, Any]]:
    page: dict[str, Any] = get("/api-keys", limit=200)
    listed: list[dict[str, Any]] = page["data"]
    return listed
