"""Webhooks: the list, one of them with its deliveries, and what can be done with it."""

from typing import Any

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal, get, send
from api.dashboard.delivery_bars import picture, word_for
from api.dashboard.pages.runs import chosen
from api.schemas.fields import WORK_STATES
from api.services import services
from api.store import dashboard_webhooks

LIMIT = 50
BARS = 20
DELIVERIES = 25
ENABLED = {"enabled": "true", "disabled": "false"}  # the filter in the URL, and what the API calls it


@shows("/webhooks")
def webhooks() -> str:
    state = chosen("state", tuple(ENABLED))
    page = get("/webhooks", enabled=state and ENABLED[state], cursor=request.args.get("cursor") or None, limit=LIMIT)
    ids = [webhook["id"] for webhook in page["data"]]
    with services().database.reading() as cursor:
        latest = dashboard_webhooks.latest(cursor, g.key.account_id, ids, each=BARS)
        formats = dashboard_webhooks.formats(cursor, g.key.account_id, ids)
    return render_template(
        "ui/webhooks.html",
        place="webhooks",
        webhooks=page["data"],
        next_cursor=page["next_cursor"],
        states=tuple(ENABLED),
        latest=latest,
        pictures={id: picture(deliveries, BARS) for id, deliveries in latest.items()},
        formats=formats,
        word_for=word_for,
    )


@shows("/webhooks/<id:webhook_id>")
def webhook(webhook_id: int) -> str:
    found = get(f"/webhooks/{webhook_id}")
    page = get(
        f"/webhooks/{webhook_id}/deliveries",
        state=chosen("state", WORK_STATES),
        cursor=request.args.get("cursor") or None,
        limit=DELIVERIES,
    )
    with services().database.reading() as cursor:
        latest = dashboard_webhooks.latest(cursor, g.key.account_id, [webhook_id], each=BARS)
        formats = dashboard_webhooks.formats(cursor, g.key.account_id, [webhook_id])
    return render_template(
        "ui/webhook.html",
        place="webhooks",
        webhook=found,
        format=formats.get(webhook_id),
        picture=picture(latest[webhook_id], BARS),
        deliveries=page["data"],
        next_cursor=page["next_cursor"],
        states=WORK_STATES,
        word_for=word_for,
    )


@does("/webhooks/<id:webhook_id>/test")
def test_webhook(webhook_id: int) -> AnyResponse:
    sent = send("POST", f"/webhooks/{webhook_id}/test", {})
    if isinstance(sent, Refusal):
        return _not_done(webhook_id, "tested", sent)
    return redirect(url_for("ui.delivery", delivery_id=sent["id"]), 303)


@does("/webhooks/<id:webhook_id>/rotate-secret")
def rotate_webhook_secret(webhook_id: int) -> AnyResponse | str:
    rotated = send("POST", f"/webhooks/{webhook_id}/rotate-secret", {})
    if isinstance(rotated, Refusal):
        return _not_done(webhook_id, "given another secret", rotated)
    sessions.notice("Deliveries are signed with the new secret, and for 24 hours with the one before as well.")
    return page_of_secret(rotated)


@does("/webhooks/<id:webhook_id>/enable")
def enable_webhook(webhook_id: int) -> AnyResponse:
    changed = _switched(webhook_id, enabled=True)
    if isinstance(changed, Refusal):
        return _not_done(webhook_id, "enabled", changed)
    sessions.notice("The webhook is enabled, with a clean record.")
    return redirect(url_for("ui.webhook", webhook_id=webhook_id), 303)


@does("/webhooks/<id:webhook_id>/disable")
def disable_webhook(webhook_id: int) -> AnyResponse:
    changed = _switched(webhook_id, enabled=False)
    if isinstance(changed, Refusal):
        return _not_done(webhook_id, "disabled", changed)
    sessions.notice("The webhook is disabled: it is told of nothing until it is enabled again.")
    return redirect(url_for("ui.webhook", webhook_id=webhook_id), 303)


@does("/webhooks/<id:webhook_id>/delete")
def delete_webhook(webhook_id: int) -> AnyResponse:
    deleted = send("DELETE", f"/webhooks/{webhook_id}")
    if isinstance(deleted, Refusal):
        return _not_done(webhook_id, "deleted", deleted)
    sessions.notice("The webhook is deleted.")
    return redirect(url_for("ui.webhooks"), 303)


def page_of_secret(webhook: Any) -> str:
    """The one page that shows this webhook's new secret: made from the API's answer, and kept nowhere."""
    return render_template(
        "ui/secret.html",
        place="webhooks",
        what="webhook",
        name=webhook["url"],
        secret=webhook["secret"],
        back="ui.webhook",
        back_to={"webhook_id": webhook["id"]},
    )


def _switched(webhook_id: int, *, enabled: bool) -> Any | Refusal:
    found = get(f"/webhooks/{webhook_id}")
    definition = {"url": found["url"], "event_types": found["event_types"], "enabled": enabled}
    if found["description"] is not None:
        definition["description"] = found["description"]
    return send("PUT", f"/webhooks/{webhook_id}", definition)


def _not_done(webhook_id: int, what: str, refused: Refusal) -> AnyResponse:
    sessions.notice(f"It was not {what}: {'; '.join(refused.errors.values()) or refused.detail}.")
    return redirect(url_for("ui.webhook", webhook_id=webhook_id), 303)
