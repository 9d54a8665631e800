"""Checklists as clients write and read them."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from api.schemas.answers import PageQuery
from api.schemas.checks import check_expression, check_headers, check_queue_name, is_variable_name
from api.schemas.fields import (
    Boolean,
    Integer,
    Items,
    Json,
    Object,
    Text,
    TextMap,
    Timestamp,
    Url,
    Word,
    check_target,
    left_out,
)
from shared.domain.rules import MATCHES, InvalidRule, parse_rule

MOST_FLOWS = 200
MOST_STEPS = 100
MOST_CHECKS = 1_000
MOST_RULES = 200


def is_text(name: str) -> bool:
    return 1 <= len(name) <= 200


class ExpectSchema(Object):
    """What a response must be; each failed expectation is a MISS."""

    status = Integer(least=100, most=599)
    max_elapsed_ms = Integer(least=1, most=900_000)
    headers = TextMap("header", valid_name=is_text, most=50)
    json = fields.Dict(metadata={"description": "JMESPath over the body, and the value expected there"})

    @validates_schema
    def check_json(self, data: dict[str, Any], **_: Any) -> None:
        _check_expressions(data.get("json", {}), "json")


class AuthSchema(Object):
    basic = Items(Text(least=0, most=1_000), least=2, most=2, metadata={"description": "user name and password"})
    bearer = Text(most=4_000)

    @validates_schema
    def check_one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("exactly one of basic and bearer must be given")


class RequestSchema(Object):
    """A request of a flow; {{name}} stands for a variable in every string."""

    method = Word("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    url = Text(most=2_048, required=True)
    headers = TextMap("header", valid_name=is_text, most=50)
    query = TextMap("parameter", valid_name=is_text, most=50)
    json = Json()
    body = Text(least=0, most=1_000_000)
    auth = fields.Nested(AuthSchema)
    follow_redirects = Boolean()

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        if "json" in data and "body" in data:
            raise ValidationError("only one of json and body may be given", "body")
        url = data.get("url", "")
        if "{{" not in url:
            try:
                check_target(url)
            except ValidationError as error:
                raise ValidationError({"url": error.messages}) from None
        plain = {name: value for name, value in data.get("headers", {}).items() if "{{" not in name + value}
        try:
            check_headers(plain)
        except ValidationError as error:
            raise ValidationError({"headers": error.messages}) from None


class StepSchema(Object):
    """An act performs a request; a check looks at the last response."""

    act = Text(most=200)
    request = fields.Nested(RequestSchema)
    capture = TextMap("variable", valid_name=is_variable_name, most=50)
    check = Text(most=200)
    observe = Text(most=1_000, validate=check_expression)
    expect = fields.Nested(ExpectSchema)

    @validates_schema
    def check_kind(self, data: dict[str, Any], **_: Any) -> None:
        if ("act" in data) == ("check" in data):
            raise ValidationError("exactly one of act and check must be given")
        if "act" in data and "request" not in data:
            raise ValidationError("an act needs a request", "request")
        if "act" in data and "observe" in data:
            raise ValidationError("only a check observes", "observe")
        for name in ("request", "capture"):
            if "check" in data and name in data:
                raise ValidationError(f"only an act has a {name}", name)
        capture = data.get("capture", {})
        _check_expressions({expression: name for name, expression in capture.items()}, "capture")


class FlowSchema(Object):
    name = Text(most=200, required=True)
    steps = Items(fields.Nested(StepSchema), least=1, most=MOST_STEPS, required=True)


class RuleSchema(Object):
    """How a part of an observed value is compared."""

    path = Text(least=0, most=1_000, required=True, metadata={"description": "JSON Pointer; * is any one member"})
    match = Word(*MATCHES, required=True)
    flow = Text(most=200)
    check = Text(most=200)
    value = Json(metadata={"description": "the pattern of a regex, the tolerance of an approx"})

    @validates_schema
    def check_rule(self, data: dict[str, Any], **_: Any) -> None:
        try:
            parse_rule(data)
        except InvalidRule as error:
            raise ValidationError(error.detail, error.pointer.strip("/") or "_schema") from None


class ChecklistInput(Object):
    name = Text(most=200, required=True)
    worker_url = Url()
    flows = Items(fields.Nested(FlowSchema), least=1, most=MOST_FLOWS)
    queue = Text(
        most=100,
        validate=check_queue_name,
        metadata={"description": "where each run is pushed as a task, whose worker acks with what it observed"},
    )
    timeout_seconds = Integer(least=1, most=900, load_default=60)
    first_value = Word("accept", "review", load_default="accept")
    rules = Items(fields.Nested(RuleSchema), least=0, most=MOST_RULES, load_default=list)
    variables = TextMap("variable", valid_name=is_variable_name, most=100, load_default=dict)

    example: ClassVar[dict[str, Any]] = {
        "name": "to-do API",
        "flows": [
            {
                "name": "list",
                "steps": [
                    {
                        "act": "list",
                        "request": {"url": "http://127.0.0.1:9000/todos"},
                        "expect": {"status": 200},
                    },
                    {"check": "all to-dos"},
                ],
            }
        ],
        "rules": [{"path": "/*/created_at", "match": "ignore"}],
    }

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        sources = [name for name in ("worker_url", "flows", "queue") if name in data]
        if len(sources) != 1:
            raise ValidationError("exactly one of worker_url, flows and queue must be given")
        if "flows" in data:
            _check_flows(data["flows"])


class ChecklistSchema(Object):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    worker_url = fields.String(required=True, allow_none=True)
    flows = fields.List(fields.Nested(FlowSchema), required=True, allow_none=True)
    queue = fields.String(required=True, allow_none=True)
    timeout_seconds = fields.Integer(required=True)
    first_value = fields.String(required=True)
    rules = fields.List(fields.Nested(RuleSchema), required=True)
    variables = fields.Dict(required=True)
    created_at = Timestamp(required=True, metadata={"type": "string", "format": "date-time"})
    updated_at = Timestamp(required=True, metadata={"type": "string", "format": "date-time"})


class ChecklistQuery(PageQuery):
    name = Text(most=200, load_default=left_out, metadata={"description": "only the checklist of this name"})


class ChecklistPage(Object):
    data = fields.List(fields.Nested(ChecklistSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def _check_expressions(expressions: dict[str, Any], field_name: str) -> None:
    if len(expressions) > 50:
        raise ValidationError("must have at most 50 members", field_name)
    problems = {}
    for expression in expressions:
        try:
            check_expression(expression)
        except ValidationError as error:
            problems[expression] = error.messages
    if problems:
        raise ValidationError({field_name: problems})


def _check_flows(flows: list[dict[str, Any]]) -> None:
    names = [flow["name"] for flow in flows]
    twice = {index: {"name": ["is used by another flow"]} for index, name in enumerate(names) if name in names[:index]}
    if twice:
        raise ValidationError({"flows": twice})
    if sum("check" in step for flow in flows for step in flow["steps"]) > MOST_CHECKS:
        raise ValidationError(f"must have at most {MOST_CHECKS} checks in all", "flows")
