"""Snapshots set by hand: texts, of which those that are no JSON are kept too."""

from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError, fields, pre_load, validates_schema

from api.auth import caller
from api.compat.automated_qa.checklists import existing_checklist
from api.compat.input import Lenient, read_input
from api.creating import Answer, create
from api.schemas.fields import Items, Text
from api.schemas.runs import MOST_CHECKS, check_number_of_snapshots
from shared.database import Transaction
from shared.domain.json_text import parse
from shared.domain.json_value import InvalidJson
from shared.domain.observations import OBSERVED_MAX_INTEGER
from shared.store import snapshots
from shared.store.snapshots import NewSnapshot

blueprint = Blueprint("snapshots", __name__)

LONGEST_TEXT = 1_048_576


class SnapshotText(Lenient):
    name = Text(most=200, required=True)
    value = Text(least=0, most=LONGEST_TEXT, required=True)


class FlowOfTexts(Lenient):
    name = Text(most=200, required=True)
    snapshots = Items(fields.Nested(SnapshotText), least=0, most=MOST_CHECKS, required=True)


class SnapshotsInput(Lenient):
    flows = Items(fields.Nested(FlowOfTexts), least=0, most=MOST_CHECKS, required=True)

    @pre_load
    def count(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        check_number_of_snapshots(data)
        return data

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        checks = [(flow["name"], item["name"]) for flow in data.get("flows", ()) for item in flow["snapshots"]]
        if len(set(checks)) < len(checks):
            raise ValidationError("must name every check once", "flows")


@blueprint.post("/checklists/<id:checklist_id>/snapshots")
def set_snapshots(checklist_id: int) -> Response:
    flows = read_input(SnapshotsInput())["flows"]

    def creation(transaction: Transaction) -> Answer:
        checklist = existing_checklist(transaction.cursor, checklist_id, is_locked=True)
        snapshots.put(
            transaction.cursor,
            [
                _snapshot(checklist.account_id, checklist.id, flow["name"], item)
                for flow in flows
                for item in flow["snapshots"]
            ],
        )
        return Answer({"data": {"flows": flows}}, 201)

    return create(creation).response()


def _snapshot(account_id: int, checklist_id: int, flow: str, item: dict[str, str]) -> NewSnapshot:
    text = item["value"]
    try:
        value, is_json = parse(text, max_integer=OBSERVED_MAX_INTEGER), True
    except InvalidJson:
        value, is_json = text, False
    return NewSnapshot(
        account_id, checklist_id, flow, item["name"], value, caller().name, None, text=text, is_json=is_json
    )
