"""What a JMESPath expression may cost: eight units a step or reference, one unit a character read or made."""

from typing import Final

MAX_COST: Final = 6_000_000
STEP: Final = 8  # one visit of a node takes about 0.4 µs; one reference in an array takes 8 bytes


class BudgetSpent(Exception):
    """The expression has used up its budget."""


class NotJson(Exception):
    """An expression reference such as &name stands where a value is needed."""

    def __init__(self) -> None:
        super().__init__("an expression reference (&) stands where a value is needed")


class Budget:
    """What one search may still spend."""

    __slots__ = ("left",)

    def __init__(self, cost: int = MAX_COST) -> None:
        self.left = cost

    def charge(self, cost: int) -> None:
        """Pay before the work is done; raises BudgetSpent."""
        self.left -= cost
        if self.left < 0:
            raise BudgetSpent

    def weigh(self, value: object) -> None:
        """Pay for the whole value as if it were written, parts that are shared as often as they occur.

        Raises BudgetSpent, NotJson.
        """
        pending = [value]
        while pending:
            part = pending.pop()
            if isinstance(part, str):
                self.charge(len(part))
            elif isinstance(part, dict):
                self.charge(STEP * 2 * (1 + len(part)))
                self.charge(sum(map(len, part)))
                pending.extend(part.values())
            elif isinstance(part, list):
                self.charge(STEP * (1 + len(part)))
                pending.extend(part)
            elif part is not None and not isinstance(part, int | float):
                raise NotJson
