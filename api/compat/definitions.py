"""Schedules whose definition another system's client changes: what it has no words for stays as it is."""

from dataclasses import fields
from typing import Any

from api.store.schedules import Definition
from shared.store.schedules import Schedule


def changed_definition(schedule: Schedule, **changes: Any) -> Definition:
    """The definition of a stored schedule but for these changes."""
    own = {field.name: getattr(schedule, field.name) for field in fields(Definition) if field.name != "paused"}
    return Definition(**(own | {"paused": schedule.state == "paused"} | changes))
