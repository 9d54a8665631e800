"""The functions of JMESPath, paid for before they run, and exact where jmespath's own are loose."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

from jmespath.functions import Functions, signature

from shared.domain.expression_budget import STEP, Budget
from shared.domain.json_value import Json, written
from shared.domain.snapshot import equal

# These look at their arguments from outside only, or are paid for otherwise.
_UNREAD: Final = frozenset(
    (
        "abs",
        "ceil",
        "contains",
        "floor",
        "length",
        "map",
        "not_null",
        "to_array",
        "to_number",
        "to_string",
        "type",
    )
)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER: Final = 400


class BudgetedFunctions(Functions):  # type: ignore[misc]  # an untyped base
    """The functions of one search, which spend its budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def call_function(self, function_name: str, resolved_args: list[Any]) -> Any:
        """Charge for the call and for reading the arguments, then call."""
        self._budget.charge(STEP * 2)
        if function_name not in _UNREAD:
            for argument in resolved_args:
                self._charge_reading(argument)
        return super().call_function(function_name, resolved_args)

    def _charge_reading(self, argument: object) -> None:
        if isinstance(argument, str):
            self._budget.charge(len(argument))
        elif isinstance(argument, dict):
            self._budget.charge(STEP * 2 * len(argument))
        elif isinstance(argument, list):
            self._budget.charge(STEP * 2 * len(argument))
            self._budget.charge(sum(len(element) for element in argument if isinstance(element, str)))

    @signature({"types": ["string"]}, {"types": ["array-string"]})  # type: ignore[untyped-decorator]  # untyped
    def _func_join(self, separator: str, array: list[str]) -> str:
        self._budget.charge(len(separator) * len(array))
        return separator.join(array)

    @signature({"types": []})  # type: ignore[untyped-decorator]  # untyped
    def _func_to_string(self, value: Json) -> str:
        if isinstance(value, str):
            return value
        self._budget.weigh(value)
        return written(value)

    @signature({"types": []})  # type: ignore[untyped-decorator]  # untyped
    def _func_to_number(self, value: Json) -> int | float | None:
        """Only what JSON takes for a number; int() would also read "1_0", " 1" and foreign digits."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
            return None
        parts = _NUMBER.fullmatch(value)
        if parts is None:
            return None
        if parts[1] is None and parts[2] is None:
            return int(value)
        number = float(value)
        return number if math.isfinite(number) else None

    @signature({"types": ["array", "string"]}, {"types": []})  # type: ignore[untyped-decorator]  # untyped
    def _func_contains(self, subject: list[Json] | str, search: Json) -> bool:
        """Elements are compared as JSON; Python's own `in` would find 1 in [true]."""
        if isinstance(subject, str):
            self._budget.charge(len(subject))
            return isinstance(search, str) and search in subject
        if isinstance(search, str | list | dict):
            self._budget.weigh(subject)
        else:
            self._budget.charge(STEP * len(subject))
        return any(equal(element, search) for element in subject)

    def _create_key_func(self, *arguments: Any) -> Callable[[Any], Any]:
        read_key = super()._create_key_func(*arguments)

        def paid_key(element: Any) -> Any:
            key = read_key(element)
            if isinstance(key, str):
                self._budget.charge(len(key))
            return key

        return paid_key
