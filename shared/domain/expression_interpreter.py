"""The JMESPath interpreter that pays for every step, and for every copy before it is made."""

from typing import Any, Final

from jmespath.visitor import (
    Options,
    TreeInterpreter,
)

from shared.domain.expression_budget import STEP, Budget
from shared.domain.expression_functions import BudgetedFunctions
from shared.domain.json_kind import is_number
from shared.domain.snapshot import equal

_EQUALITIES: Final = ("eq", "ne")


class Interpreter(TreeInterpreter):  # type: ignore[misc]  # an untyped base
    """One search; not to be shared between threads."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(Options(custom_functions=BudgetedFunctions(budget)))
        self._budget = budget

    def visit(self, node: dict[str, Any], value: Any) -> Any:
        """The value of one node of the tree, for one step of the budget."""
        self._budget.charge(STEP)
        return getattr(self, f"visit_{node['type']}")(node, value)

    def visit_comparator(self, node: dict[str, Any], value: Any) -> bool | None:
        """Equality of JSON values; order of two numbers or two strings, null for anything else."""
        one, other = (self.visit(child, value) for child in node["children"])
        if isinstance(one, str) and isinstance(other, str):
            self._budget.charge(min(len(one), len(other)))
        if node["value"] in _EQUALITIES:
            if isinstance(one, dict | list) and isinstance(other, dict | list):
                self._budget.weigh(one)
            return equal(one, other) is (node["value"] == "eq")
        if (is_number(one) and is_number(other)) or (isinstance(one, str) and isinstance(other, str)):
            answer: bool = self.COMPARATOR_FUNC[node["value"]](one, other)
            return answer
        return None

    def visit_flatten(self, node: dict[str, Any], value: Any) -> list[Any] | None:
        """One level of arrays opened; paid for before the copy, which may be far larger than its source."""
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        self._budget.charge(STEP * len(base))
        self._budget.charge(STEP * sum(len(element) for element in base if isinstance(element, list)))
        merged: list[Any] = []
        for element in base:
            if isinstance(element, list):
                merged.extend(element)
            else:
                merged.append(element)
        return merged

    def visit_slice(self, node: dict[str, Any], value: Any) -> list[Any] | None:
        """A copy of part of an array, never larger than the array."""
        part: list[Any] | None = super().visit_slice(node, value)
        self._budget.charge(STEP * len(part or ()))
        return part
