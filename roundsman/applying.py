"""Create or replace a checklist by its name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from roundsman.client import Client
from roundsman.errors import Conflict
from roundsman.resources.shapes import Checklist

# What the service itself adds and changes.
NOT_DEFINED = frozenset({"id", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Applied:
    """The checklist as it is now, and what that took."""

    change: Literal["created", "replaced", "unchanged"]
    checklist: Checklist


def apply(client: Client, definition: Mapping[str, Any]) -> Applied:
    """Make the checklist of this name be as defined. Raises RoundsmanError."""
    existing = client.checklists.named(definition["name"])
    if existing is None:
        try:
            return Applied("created", client.checklists.create(definition))
        except Conflict:
            # Somebody else created it in between: then it is there to be replaced.
            existing = client.checklists.named(definition["name"])
            if existing is None:
                raise
    replaced = client.checklists.replace(existing["id"], definition)
    # Both as the service tells them: only it knows which defaults stand for fields that were left out.
    return Applied("unchanged" if _defined(replaced) == _defined(existing) else "replaced", replaced)


def _defined(checklist: Checklist) -> str:
    """What somebody has defined, as text: in Python, true would equal 1."""
    return json.dumps({name: value for name, value in checklist.items() if name not in NOT_DEFINED}, sort_keys=True)
