"""The objects of the API as they come; a service of a newer version may add members."""

from typing import Any, Generic, NotRequired, TypedDict, TypeVar

Item = TypeVar("Item")


class Page(TypedDict, Generic[Item]):
    """A part of a list; `next_cursor` asks for the next one."""

    data: list[Item]
    next_cursor: str | None


class NewKey(TypedDict):
    """A key that was just made; `api_key` is shown this once."""

    id: int
    name: str
    api_key: str
    created_at: str


class Key(TypedDict):
    id: int
    name: str
    prefix: str
    created_at: str
    last_used_at: str | None


class Checklist(TypedDict):
    """What is to be checked; exactly one of `worker_url`, `flows` and `queue` is not null."""

    id: int
    name: str
    worker_url: str | None
    flows: list[dict[str, Any]] | None
    queue: str | None
    timeout_seconds: int
    first_value: str
    rules: list[dict[str, Any]]
    variables: dict[str, str]
    created_at: str
    updated_at: str


class Summary(TypedDict):
    match: int
    miss: int
    new: int
    obsolete: int


class Difference(TypedDict):
    """Where an observed value differs; a side without a value is left out."""

    pointer: str
    expected: NotRequired[Any]
    observed: NotRequired[Any]


class Assertion(TypedDict):
    """A check as a run found it; `result` is MATCH, MISS or NEW."""

    name: str
    result: str
    observed: NotRequired[Any]
    expected: NotRequired[Any]
    diff: NotRequired[list[Difference]]
    error: NotRequired[str]


class RunFlow(TypedDict):
    name: str
    summary: Summary
    assertions: list[Assertion]
    error: NotRequired[str]


class Run(TypedDict):
    """A checklist performed once: `state` says how far it is, `outcome` what it found."""

    id: str
    checklist_id: int | None
    schedule_id: int | None
    scheduled_for: str | None
    trigger: str
    state: str
    outcome: str | None
    summary: Summary
    flows: list[RunFlow]
    error: str | None
    attempts: int
    created_at: str
    started_at: str | None
    finished_at: str | None


class CheckName(TypedDict):
    flow: str
    name: str


class Snapshot(TypedDict):
    """An approved value; `state` is current, obsolete, or in a history superseded."""

    flow: str
    name: str
    value: Any
    accepted_at: str
    accepted_by: str
    run_id: str | None
    state: str
    superseded_at: NotRequired[str | None]


class SnapshotValue(TypedDict):
    name: str
    value: Any


class SnapshotFlow(TypedDict):
    """Values to be set by hand for the checks of one flow."""

    name: str
    snapshots: list[SnapshotValue]
