"""The `expect` of a step held against an answer: a sentence for everything that is not as expected."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.expression import ExpressionFailed, InvalidExpression, compile_expression
from shared.domain.json_value import Json, written
from shared.domain.snapshot import equal
from worker.exchange import Exchange

__all__ = ["Exchange", "failures"]


def failures(expect: Mapping[str, Any], exchange: Exchange) -> tuple[str, ...]:
    """Every expectation that failed, as a sentence.

    `expect` is {status?, max_elapsed_ms?, headers?: {name: value}, json?: {<JMESPath>: value}}.

    >>> failures({"status": 200, "json": {"id": 7}}, Exchange(500, {}, {"id": 7}, 12))
    ('expected status 200, observed 500',)
    """
    return tuple(_failures(expect, exchange))


def _failures(expect: Mapping[str, Any], exchange: Exchange) -> Iterator[str]:
    if "status" in expect and not equal(expect["status"], exchange.status):
        yield f"expected status {_short(expect['status'])}, observed {exchange.status}"
    if "max_elapsed_ms" in expect and exchange.elapsed_ms > expect["max_elapsed_ms"]:
        yield f"expected an answer within {expect['max_elapsed_ms']} ms, observed {exchange.elapsed_ms} ms"
    for name, value in expect.get("headers", {}).items():
        observed = exchange.headers.get(name.lower())
        if observed is None:
            yield f"expected header {name} to be {_short(value)}, observed no such header"
        elif observed != (value if isinstance(value, str) else written(value)):
            yield f"expected header {name} to be {_short(value)}, observed {_short(observed)}"
    for expression, value in expect.get("json", {}).items():
        if failure := _body_failure(expression, value, exchange):
            yield failure


def _body_failure(expression: str, expected: Json, exchange: Exchange) -> str | None:
    expectation = f"expected {_cut(expression)} to be {_short(expected)}"
    if exchange.unusable:
        return f"{expectation}, but {exchange.unusable}"
    try:
        observed = compile_expression(expression).search(exchange.body)
    except (InvalidExpression, ExpressionFailed) as fault:
        return f"{expectation}, but {fault.detail}"
    if equal(expected, observed):
        return None
    text_only = " (the body is no JSON)" if isinstance(exchange.body, str) else ""
    return f"{expectation}, observed {_short(observed)}{text_only}"


def _short(value: Json) -> str:
    return _cut(written(value))


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
