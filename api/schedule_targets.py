"""What a schedule can begin: for each kind of work the field that names its target, and the fields that go with it.

A kind of work that becomes available gets its fields here and in the schema; nothing else knows them by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.store.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of work, and the further fields it takes: with what they are when left out, or kept only when given."""

    kind: str
    defaults: Mapping[str, Any]
    kept_if_given: tuple[str, ...] = ()


TARGETS: dict[str, Target] = {
    "checklist_id": Target("run", {"variables": {}}),
    "uri": Target(
        "job",
        {
            "method": "POST",
            "headers": {},
            "error_uri": None,
            "timeout_seconds": 30,
            "max_attempts": 4,
            "backoff_seconds": 10,
        },
        kept_if_given=("payload",),  # null is a payload as well
    ),
    "queue": Target("task", {"priority": 0, "timeout_seconds": None, "max_attempts": 4}, kept_if_given=("payload",)),
}
DEFAULT_QUEUE = "default"  # where the task of a schedule goes that says a minute and nothing else

# Kept in a column of its own, where a foreign key watches over it; all other fields are kept together.
REFERENCE = "checklist_id"


def named_targets(fields: Mapping[str, Any]) -> list[str]:
    """The fields of these that name a target.

    >>> named_targets({"cron": "@daily", "checklist_id": 3, "variables": {}})
    ['checklist_id']
    """
    return [name for name in TARGETS if name in fields]


def owners(field: str) -> list[str]:
    """The targets that a further field goes with.

    >>> owners("variables"), owners("payload")
    (['checklist_id'], ['uri', 'queue'])
    """
    return [name for name, target in TARGETS.items() if field in target.defaults or field in target.kept_if_given]


def stored_target(fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of work that valid fields ask for, and those of them that are kept together.

    >>> stored_target({"checklist_id": 3, "variables": {"user": "ada"}})
    ('run', {'variables': {'user': 'ada'}})
    """
    [name] = named_targets(fields)
    target = TARGETS[name]
    kept = {} if name == REFERENCE else {name: fields[name]}
    kept |= {field: fields.get(field, default) for field, default in target.defaults.items()}
    return target.kind, kept | {field: fields[field] for field in target.kept_if_given if field in fields}


def shown_target(schedule: Schedule) -> dict[str, Any]:
    """Every field of every target; those of the other kinds are null, and what is kept if given is left out."""
    shown: dict[str, Any] = {}
    for name, target in TARGETS.items():
        shown |= dict.fromkeys((name, *target.defaults))
    own = next(target for target in TARGETS.values() if target.kind == schedule.kind)
    return shown | dict(own.defaults) | schedule.target | {REFERENCE: schedule.checklist_id}
