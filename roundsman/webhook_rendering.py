"""Webhooks, deliveries and events as a person reads them."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from roundsman.attempt_rendering import attempts_table, state_text
from roundsman.job_rendering import instant
from roundsman.resources.webhook_shapes import Delivery, Event, Webhook
from roundsman.tables import table
from roundsman.visible import visible


def webhook_table(webhooks: Sequence[Webhook], now: datetime) -> Table:
    """A line for each."""
    made = table("id", "url", "types", "state", "description")
    for each in webhooks:
        made.add_row(
            str(each["id"]),
            Text(visible(each["url"], limit=100), "bold"),
            Text(types_in_words(each["event_types"])),
            _state(each, now),
            Text(visible(each["description"] or "", limit=100)),
        )
    return made


def delivery_table(deliveries: Sequence[Delivery]) -> Table:
    """A line for each."""
    made = table("delivery", "webhook", "type", "state", "attempts", "created", "error")
    for each in deliveries:
        made.add_row(
            Text(visible(each["id"], limit=50)),
            "deleted" if each["webhook_id"] is None else str(each["webhook_id"]),
            Text(visible(each["event_type"], limit=60)),
            state_text(each["state"]),
            f"{each['attempt_count']} of {each['max_attempts']}",
            Text(visible(f"{each['created_at'][:19]}Z")),
            Text(visible(each["error"] or "", limit=100)),
        )
    return made


def print_delivery(delivery: Delivery, now: datetime, console: Console) -> None:
    """One delivery, and its attempts."""
    name = visible(delivery["event_type"], limit=100)
    webhook = "a deleted webhook" if delivery["webhook_id"] is None else f"webhook {delivery['webhook_id']}"
    line = Text.assemble((name, "bold"), f" to {webhook}: ", state_text(delivery["state"]))
    console.print(line, soft_wrap=True)
    if delivery["error"]:
        console.print(Text(f"  {visible(delivery['error'], limit=500)}", "red"), soft_wrap=True)
    facts = [("id", delivery["id"]), ("event", delivery["event_id"])]
    if delivery["replay_of"] is not None:
        facts.append(("replay of", delivery["replay_of"]))
    if delivery["next_attempt_at"] is not None:
        facts.append(("next attempt", instant(delivery["next_attempt_at"], now)))
    for title, value in facts:
        console.print(Text.assemble((f"  {title}: ", "dim"), visible(value, limit=100)), soft_wrap=True)
    if attempts := delivery.get("attempts"):
        console.print()
        console.print(attempts_table(attempts))


def event_table(events: Sequence[Event]) -> Table:
    """A line for each."""
    made = table("event", "type", "happened", "data")
    for each in events:
        made.add_row(
            Text(visible(each["id"], limit=50)),
            Text(visible(each["type"], limit=60), "bold"),
            Text(visible(f"{each['timestamp'][:19]}Z")),
            Text(visible(json.dumps(each["data"], ensure_ascii=False), limit=100)),
        )
    return made


def types_in_words(types: Sequence[str]) -> str:
    """Which events a webhook is told.

    >>> types_in_words(["*"]), types_in_words(["run.finished", "job.failed"])
    ('everything', 'run.finished, job.failed')
    """
    return "everything" if list(types) == ["*"] else visible(", ".join(types), limit=200)


def _state(webhook: Webhook, now: datetime) -> Text:
    if not webhook["enabled"]:
        reason = visible(webhook["disabled_reason"] or "", limit=100)
        return Text(f"disabled: {reason}" if reason else "disabled", "yellow")
    if webhook["failing_since"] is not None:
        return Text(f"failing since {instant(webhook['failing_since'], now)}", "bold red")
    return Text("enabled", "green")
