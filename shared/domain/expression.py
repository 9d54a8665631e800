"""JMESPath with a budget: no expression takes more than about half a second or a few dozen megabytes."""

from dataclasses import dataclass, field
from typing import Any, Final

from jmespath.exceptions import (
    ArityError,
    JMESPathError,
    JMESPathTypeError,
)

from shared.domain.expression_budget import Budget, BudgetSpent, NotJson
from shared.domain.expression_interpreter import Interpreter
from shared.domain.expression_parser import InvalidExpression, parse_expression
from shared.domain.json_value import InvalidJson, Json, JsonTooLong, check_value

__all__ = ["Expression", "ExpressionFailed", "ExpressionTooCostly", "InvalidExpression", "compile_expression"]

MAX_RESULT_LENGTH: Final = 2_097_152
# An envelope around a body nested as deep as the parser allows, and numbers as large as workers may observe.
MAX_RESULT_DEPTH: Final = 40
MAX_RESULT_INTEGER: Final = 2**64


class ExpressionFailed(Exception):
    """The expression makes no sense of this value."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ExpressionTooCostly(ExpressionFailed):
    """The expression would take too long on this value, or yield too much."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A JMESPath expression that was found well formed; may be used by many threads at once."""

    text: str
    _tree: dict[str, Any] = field(repr=False, compare=False)

    def search(self, value: Json) -> Json:
        """What the expression finds in the value, null for nothing; it may share parts with the value.

        Raises ExpressionTooCostly, and ExpressionFailed for a function that is given the wrong type and for a
        result that is no JSON value which can be kept.

        >>> compile_expression("items[?price > `5`].name").search({"items": [{"name": "a", "price": 7}]})
        ['a']
        """
        try:
            found = Interpreter(Budget()).visit(self._tree, value)
            check_value(
                found,
                max_depth=MAX_RESULT_DEPTH,
                max_integer=MAX_RESULT_INTEGER,
                max_length=MAX_RESULT_LENGTH,
            )
        except BudgetSpent:
            raise ExpressionTooCostly(f"{self._named()} takes too long on this value") from None
        except JsonTooLong as fault:
            raise ExpressionTooCostly(f"{self._named()} yields too much: {fault.detail}") from None
        except InvalidJson as fault:
            raise ExpressionFailed(f"{self._named()} yields no JSON that can be kept: {fault}") from None
        except _FAULTS as fault:
            raise ExpressionFailed(f"{self._named()} fails: {_reason(fault)}") from None
        return found  # type: ignore[no-any-return]  # check_value has just shown that it is a JSON value

    def _named(self) -> str:
        return f"the expression '{self.text if len(self.text) <= 100 else self.text[:100] + '…'}'"


def compile_expression(text: str) -> Expression:
    """The expression that the text stands for.

    Raises InvalidExpression naming the fault and its position.
    """
    return Expression(text, parse_expression(text))


# What jmespath and the operators beneath it raise on values of the wrong type or range.
_FAULTS: Final = (JMESPathError, NotJson, TypeError, ValueError, ArithmeticError, AttributeError)


def _reason(fault: Exception) -> str:
    """A sentence; never the text of jmespath's own type errors, which write out the whole value."""
    if isinstance(fault, JMESPathTypeError):
        wanted = " or ".join(fault.expected_types)
        return f"{fault.function_name}() takes {wanted}, and was given {fault.actual_type}"
    if isinstance(fault, ArityError | NotJson):
        return str(fault)
    return "a value is of the wrong type or out of range"
