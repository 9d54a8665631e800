"""What a run has observed, whichever of the three sources it came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.domain.json_value import Json

OBSERVED_MAX_INTEGER: Final = 2**64  # ids of 64 bits without a sign are observed as they are


@dataclass(frozen=True, slots=True)
class ObservedCheck:
    """One check of a flow; `observed` False says that there is no value, not even null."""

    name: str
    value: Json
    observed: bool
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedFlow:
    """One flow in its written order; `error` says why it did not run to its end."""

    name: str
    checks: tuple[ObservedCheck, ...]
    error: str | None = None


class Unobservable(Exception):
    """Nothing could be observed at all; `detail` is a sentence for the user."""

    def __init__(self, detail: str, *, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.timed_out = timed_out


def numbered(names: Iterable[str]) -> tuple[str, ...]:
    """The names, told apart: a repeated one gets [2], [3] and so on, passing over names already taken.

    >>> numbered(["a", "b", "a", "a"])
    ('a', 'b', 'a[2]', 'a[3]')
    """
    told_apart: dict[str, None] = {}
    times: dict[str, int] = {}
    for name in names:
        candidate, count = name, times.get(name, 1)
        while candidate in told_apart:
            count += 1
            candidate = f"{name}[{count}]"
        times[name] = count
        told_apart[candidate] = None
    return tuple(told_apart)
