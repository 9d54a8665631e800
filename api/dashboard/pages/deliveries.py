"""Deliveries: a webhook told of an event, attempt by attempt."""

from uuid import UUID

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import sessions
from api.dashboard.blueprint import does, shows
from api.dashboard.calling import Refusal, find, get, send
from api.dashboard.delivery_bars import word_for
from api.dashboard.pages.events import SUBJECTS

UNFINISHED = ("pending", "running")


@shows("/deliveries/<uuid:delivery_id>")
def delivery(delivery_id: UUID) -> str:
    found = get(f"/deliveries/{delivery_id}")
    event = get(f"/events/{found['event_id']}")
    webhook = None if found["webhook_id"] is None else find(f"/webhooks/{found['webhook_id']}")
    return render_template(
        "ui/delivery.html",
        place="webhooks",
        delivery=found,
        word=word_for(found["state"], found["attempt_count"]),
        has_ended=found["state"] not in UNFINISHED,
        event=event,
        subjects=[
            (name, url_for(endpoint, **{parameter: event["data"][member]}))
            for member, (name, endpoint, parameter) in SUBJECTS.items()
            if event["data"].get(member) is not None
        ],
        webhook=webhook,
    )


@does("/deliveries/<uuid:delivery_id>/replay")
def replay_delivery(delivery_id: UUID) -> AnyResponse:
    replayed = send("POST", f"/deliveries/{delivery_id}/replay", {})
    if isinstance(replayed, Refusal):
        sessions.notice(f"It was not delivered again: {replayed.detail}.")
        return redirect(url_for("ui.delivery", delivery_id=delivery_id), 303)
    return redirect(url_for("ui.delivery", delivery_id=replayed["id"]), 303)
