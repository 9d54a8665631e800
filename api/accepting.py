"""Accept what a run observed: its values become the snapshots that later runs are compared with."""

from collections.abc import Sequence
from typing import Any

from api.errors import Conflict, FieldProblem, InvalidInput
from api.store.runs import Run
from shared.database import Cursor
from shared.domain.snapshot import equal
from shared.store import checklists, snapshots
from shared.store.snapshots import NewSnapshot, Snapshot

CheckKey = tuple[str, str]


def accept(
    cursor: Cursor,
    account_id: int,
    run: Run,
    *,
    checks: Sequence[CheckKey] | None,
    only: str | None,
    accepted_by: str,
) -> list[CheckKey]:
    """Put the observed values of these checks, or of all, in force; which checks those were.

    Raises Conflict when the run has not ended, or when a later observation was accepted since.
    """
    if run.finished_at is None:
        raise Conflict(f"the run is {run.state}; it can be accepted once it has ended")
    if run.checklist_id is None or not checklists.lock(cursor, account_id, run.checklist_id):
        raise Conflict("the checklist of this run was deleted")
    chosen = _chosen(run, checks, only)
    in_force = {(item.flow, item.name): item for item in snapshots.in_force(cursor, account_id, run.checklist_id)}
    changed = {key: value for key, value in chosen.items() if not _is_in_force(in_force.get(key), value)}
    _refuse_older_values(run, changed, in_force)
    snapshots.put(
        cursor,
        [
            NewSnapshot(account_id, run.checklist_id, flow, name, value, accepted_by, run.id, run.finished_at)
            for (flow, name), value in sorted(changed.items(), key=lambda item: item[0])
        ],
    )
    return list(chosen)


def _chosen(run: Run, checks: Sequence[CheckKey] | None, only: str | None) -> dict[CheckKey, Any]:
    """The observed values that are meant, by (flow, check)."""
    wanted = {"new": ("NEW",), "miss": ("MISS",), None: ("NEW", "MISS")}[only]
    assertions = {
        (flow["name"], assertion["name"]): assertion
        for flow in (run.result or {}).get("flows", ())
        for assertion in flow["assertions"]
    }
    if checks is None:
        named = [key for key, assertion in assertions.items() if "observed" in assertion]
    else:
        _refuse_unobserved(checks, assertions)
        named = list(checks)
    return {key: assertions[key]["observed"] for key in named if assertions[key]["result"] in wanted}


def _refuse_unobserved(checks: Sequence[CheckKey], assertions: dict[CheckKey, Any]) -> None:
    problems = [
        FieldProblem(f"/checks/{index}", "this run observed no value for this check")
        for index, key in enumerate(checks)
        if "observed" not in assertions.get(key, {})
    ]
    if problems:
        raise InvalidInput("only what the run observed can be accepted", errors=problems)


def _is_in_force(snapshot: Snapshot | None, value: Any) -> bool:
    return snapshot is not None and snapshot.is_json and equal(snapshot.value, value)


def _refuse_older_values(run: Run, changed: dict[CheckKey, Any], in_force: dict[CheckKey, Snapshot]) -> None:
    assert run.finished_at is not None  # noqa: S101 (accept() has refused runs that have not ended)
    newer = [
        FieldProblem("", f"check {name!r} of flow {flow!r} has a snapshot that was observed later")
        for flow, name in sorted(changed)
        if (snapshot := in_force.get((flow, name))) and snapshot.observed_at > run.finished_at
    ]
    if newer:
        raise Conflict("a newer value was accepted since this run; run the checklist again", errors=newer)
