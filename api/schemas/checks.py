"""What a text or an object must be besides its type: validators whose messages say what was expected."""

import re

from marshmallow import ValidationError

from api.schemas.fields import QUEUE_NAME
from shared.domain.cron import InvalidCron, parse_cron
from shared.domain.expression import InvalidExpression, compile_expression
from shared.domain.urls import header_problem
from shared.domain.zones import InvalidZone, zone

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


def is_variable_name(name: str) -> bool:
    return VARIABLE_NAME.fullmatch(name) is not None


def check_headers(headers: dict[str, str]) -> None:
    """Header names and values as they may be sent, before templates are filled."""
    problems = {name: [problem] for name, value in headers.items() if (problem := header_problem(name, value))}
    if problems:
        raise ValidationError(problems)


def check_expression(text: str) -> None:
    """A JMESPath expression that can be compiled."""
    try:
        compile_expression(text)
    except InvalidExpression as error:
        raise ValidationError(error.detail) from None


def check_cron(text: str) -> None:
    try:
        parse_cron(text)
    except InvalidCron as error:
        raise ValidationError(error.detail) from None


def check_zone(name: str) -> None:
    try:
        zone(name)
    except InvalidZone as error:
        raise ValidationError(error.detail) from None


def check_queue_name(name: str) -> None:
    if not QUEUE_NAME.fullmatch(name):
        raise ValidationError("must be 1 to 100 of: letters, digits, dot, underscore, hyphen")
