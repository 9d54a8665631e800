"""Rows as clients see them."""

from typing import Any

from api.schemas.fields import write_timestamp
from api.store.keys import ApiKey
from api.store.runs import Run
from shared.store.checklists import Checklist
from shared.store.snapshots import Snapshot

EMPTY_SUMMARY = {"match": 0, "miss": 0, "new": 0, "obsolete": 0}


def key_object(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "created_at": write_timestamp(key.created_at),
        "last_used_at": write_timestamp(key.last_used_at),
    }


def checklist_object(checklist: Checklist) -> dict[str, Any]:
    return {
        "id": checklist.id,
        "name": checklist.name,
        "worker_url": checklist.worker_url,
        "flows": checklist.flows,
        "queue": checklist.queue,
        "timeout_seconds": checklist.timeout_seconds,
        "first_value": checklist.first_value,
        "rules": checklist.rules,
        "variables": checklist.variables,
        "created_at": write_timestamp(checklist.created_at),
        "updated_at": write_timestamp(checklist.updated_at),
    }


def run_object(run: Run) -> dict[str, Any]:
    result = run.result or {}
    return {
        "id": str(run.id),
        "checklist_id": run.checklist_id,
        "schedule_id": run.schedule_id,
        "scheduled_for": write_timestamp(run.scheduled_for),
        "trigger": run.trigger,
        "state": run.state,
        "outcome": run.outcome,
        "summary": result.get("summary", EMPTY_SUMMARY),
        "flows": result.get("flows", []),
        "error": run.error,
        "attempts": run.attempt,
        "created_at": write_timestamp(run.created_at),
        "started_at": write_timestamp(run.started_at),
        "finished_at": write_timestamp(run.finished_at),
    }


def snapshot_object(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "flow": snapshot.flow,
        "name": snapshot.name,
        "value": snapshot.value,
        "accepted_at": write_timestamp(snapshot.accepted_at),
        "accepted_by": snapshot.accepted_by,
        "run_id": str(snapshot.run_id) if snapshot.run_id else None,
        "state": "obsolete" if snapshot.obsolete else "current",
    }


def historical_snapshot_object(snapshot: Snapshot) -> dict[str, Any]:
    shown = snapshot_object(snapshot)
    if snapshot.superseded_at:
        shown["state"] = "superseded"
    return shown | {"superseded_at": write_timestamp(snapshot.superseded_at)}
