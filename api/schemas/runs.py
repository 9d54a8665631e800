"""Runs and snapshots as clients write and read them."""

from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema

from api.schemas.answers import PageQuery
from api.schemas.checks import is_variable_name
from api.schemas.fields import (
    MOST_ID,
    WORK_STATES,
    Items,
    Json,
    Object,
    QueryInteger,
    Text,
    TextMap,
    Timestamp,
    Word,
    left_out,
)

MOST_CHECKS = 1_000
NUMBER_OF_SNAPSHOTS = f"must hold 1 to {MOST_CHECKS} snapshots in all"


class RunInput(Object):
    may_be_empty = True
    variables = TextMap("variable", valid_name=is_variable_name, most=100, load_default=dict)


class RunQuery(PageQuery):
    checklist_id = QueryInteger(least=1, most=MOST_ID, load_default=left_out)
    schedule_id = QueryInteger(least=1, most=MOST_ID, load_default=left_out)
    state = Word(*WORK_STATES, load_default=left_out)
    outcome = Word("passed", "changed", "new", "error", load_default=left_out)


class SummarySchema(Object):
    match = fields.Integer(required=True)
    miss = fields.Integer(required=True)
    new = fields.Integer(required=True)
    obsolete = fields.Integer(required=True)


class DifferenceSchema(Object):
    pointer = fields.String(
        required=True, metadata={"description": "a JSON Pointer; one of over 1,000 characters is cut, and ends in …"}
    )
    expected = Json(metadata={"description": "left out where only the observed value has this member"})
    observed = Json(metadata={"description": "left out where only the expected value has this member"})


class AssertionSchema(Object):
    name = fields.String(required=True)
    result = Word("MATCH", "MISS", "NEW", required=True)
    observed = Json(metadata={"description": "left out when there is nothing that was observed"})
    expected = Json()
    diff = fields.List(fields.Nested(DifferenceSchema))
    error = fields.String()


class RunFlowSchema(Object):
    name = fields.String(required=True)
    summary = fields.Nested(SummarySchema, required=True)
    error = fields.String()
    assertions = fields.List(fields.Nested(AssertionSchema), required=True)


class RunSchema(Object):
    id = fields.UUID(required=True)
    checklist_id = fields.Integer(required=True, allow_none=True)
    schedule_id = fields.Integer(required=True, allow_none=True)
    scheduled_for = Timestamp(required=True, allow_none=True)
    trigger = Word("manual", "schedule", "api", required=True)
    state = Word(*WORK_STATES, required=True)
    outcome = Word("passed", "changed", "new", "error", required=True, allow_none=True)
    summary = fields.Nested(SummarySchema, required=True)
    flows = fields.List(fields.Nested(RunFlowSchema), required=True)
    error = fields.String(required=True, allow_none=True)
    attempts = fields.Integer(required=True, metadata={"description": "how often it was begun"})
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    finished_at = Timestamp(required=True, allow_none=True)


class RunPage(Object):
    data = fields.List(fields.Nested(RunSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class CheckName(Object):
    flow = Text(most=200, required=True)
    name = Text(most=200, required=True)


class AcceptInput(Object):
    may_be_empty = True
    checks = Items(
        fields.Nested(CheckName),
        least=1,
        most=MOST_CHECKS,
        metadata={"description": "which checks; all when left out"},
    )
    only = Word("new", "miss")  # type: ignore[assignment]  # marshmallow takes fields off the class: nothing is hidden


class SnapshotSchema(Object):
    flow = fields.String(required=True)
    name = fields.String(required=True)
    value = Json(required=True)
    accepted_at = Timestamp(required=True)
    accepted_by = fields.String(required=True)
    run_id = fields.UUID(required=True, allow_none=True)
    state = Word("current", "obsolete", required=True)


class HistoricalSnapshotSchema(SnapshotSchema):
    state = Word("current", "obsolete", "superseded", required=True)
    superseded_at = Timestamp(required=True, allow_none=True)


class SnapshotPage(Object):
    data = fields.List(fields.Nested(SnapshotSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class HistoryPage(Object):
    data = fields.List(fields.Nested(HistoricalSnapshotSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class HistoryQuery(PageQuery):
    flow = Text(most=200, required=True)
    name = Text(most=200, required=True)


class AcceptedSchema(Object):
    accepted = fields.List(fields.Nested(CheckName), required=True)


class SnapshotValue(Object):
    name = Text(most=200, required=True)
    value = Json(required=True)


class SnapshotFlow(Object):
    name = Text(most=200, required=True)
    snapshots = Items(fields.Nested(SnapshotValue), least=0, most=MOST_CHECKS, required=True)


class SnapshotsInput(Object):
    flows = Items(fields.Nested(SnapshotFlow), least=1, most=MOST_CHECKS, required=True)

    @pre_load
    def count(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        check_number_of_snapshots(data)
        return data

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        checks = [(flow["name"], item["name"]) for flow in data.get("flows", ()) for item in flow["snapshots"]]
        if not checks:
            raise ValidationError(NUMBER_OF_SNAPSHOTS, "flows")
        if len(set(checks)) < len(checks):
            raise ValidationError("must name every check once", "flows")


class ForgottenFlow(Object):
    name = Text(most=200, required=True)
    snapshots = Items(
        Text(most=200),
        least=0,
        most=MOST_CHECKS,
        metadata={"description": "check names; the whole flow when left out"},
    )


class ForgetInput(Object):
    may_be_empty = True
    flows = Items(
        fields.Nested(ForgottenFlow), least=0, most=MOST_CHECKS, metadata={"description": "everything when left out"}
    )

    @pre_load
    def count(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        check_number_of_snapshots(data)
        return data


def check_number_of_snapshots(data: dict[str, Any]) -> None:
    """Before anything is looked into: flows and snapshots multiply."""
    flows = data["flows"] if isinstance(data.get("flows"), list) else []
    inside = [flow.get("snapshots") for flow in flows if isinstance(flow, dict)]
    if sum(len(items) for items in inside if isinstance(items, list)) > MOST_CHECKS:
        raise ValidationError(NUMBER_OF_SNAPSHOTS, "flows")
