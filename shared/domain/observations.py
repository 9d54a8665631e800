"""What a run has observed, whichever of the three sources it came from, and the answer of an external worker."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.domain.json_kind import kind
from shared.domain.json_text import parse
from shared.domain.json_value import InvalidJson, Json

OBSERVED_MAX_INTEGER: Final = 2**64  # ids of 64 bits without a sign are observed as they are
MAX_FLOWS: Final = 200
MAX_CHECKS: Final = 1_000
MAX_NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class ObservedCheck:
    """One check of a flow; `observed` False says that there is no value, not even null.

    `text` is the JSON text that the value was read from, if it came as one.
    """

    name: str
    value: Json
    observed: bool
    errors: tuple[str, ...] = ()
    text: str | None = None


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


def observations_of(value: Json) -> tuple[ObservedFlow, ...]:
    """The flows in [{"name", "assertions": [{"name", "snapshot": "<JSON text>"} or {"name", "value": <JSON>}]}].

    Members of other names are passed over. Raises Unobservable naming the place of the first fault.

    >>> observations_of([{"name": "f", "assertions": [{"name": "a", "snapshot": "[1]"}]}])[0].checks
    (ObservedCheck(name='a', value=[1], observed=True, errors=(), text='[1]'),)
    """
    flows: dict[str, ObservedFlow] = {}
    checks = 0
    for index, item in enumerate(_list(value, "", MAX_FLOWS, "flows")):
        pointer = f"/{index}"
        name = _name(item, pointer)
        if name in flows:
            raise _wrong(f"{pointer}/name", f"the flow '{name}' is there twice; every flow needs a name of its own")
        assertions = _list(_member(item, "assertions"), f"{pointer}/assertions", MAX_CHECKS - checks, "assertions")
        checks += len(assertions)
        flows[name] = _flow(name, assertions, f"{pointer}/assertions")
    return tuple(flows.values())


def _flow(name: str, assertions: list[Json], pointer: str) -> ObservedFlow:
    places = [f"{pointer}/{index}" for index in range(len(assertions))]
    names = numbered(_name(item, place) for item, place in zip(assertions, places, strict=True))
    return ObservedFlow(name, tuple(map(_check, names, assertions, places)))


def _check(name: str, item: Json, pointer: str) -> ObservedCheck:
    if not isinstance(item, dict) or ("snapshot" in item) == ("value" in item):
        raise _wrong(pointer, "an assertion has exactly one of snapshot (JSON as text) and value (any JSON)")
    if "value" in item:
        return ObservedCheck(name, item["value"], observed=True)
    text = item["snapshot"]
    if not isinstance(text, str):
        raise _wrong(
            f"{pointer}/snapshot", f"expected JSON as text, observed {kind(text)}; JSON itself goes into value"
        )
    try:
        return ObservedCheck(name, parse(text, max_integer=OBSERVED_MAX_INTEGER), observed=True, text=text)
    except InvalidJson as fault:
        reason = f"the snapshot is not JSON text: {fault}"
        return ObservedCheck(name, None, observed=False, errors=(reason,), text=text)


def _name(item: Json, pointer: str) -> str:
    if not isinstance(item, dict):
        raise _wrong(pointer, f"expected an object with a name, observed {kind(item)}")
    name = item.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise _wrong(f"{pointer}/name", f"expected a name of 1 to {MAX_NAME_LENGTH} characters")
    return name


def _list(value: Json, pointer: str, most: int, what: str) -> list[Json]:
    if not isinstance(value, list):
        raise _wrong(pointer, f"expected an array of {what}, observed {kind(value)}")
    if len(value) > most:
        limit = MAX_FLOWS if what == "flows" else MAX_CHECKS
        raise _wrong(pointer, f"more than {limit:,} {what} in all")
    return value


def _member(item: Json, name: str) -> Json:
    return item.get(name) if isinstance(item, dict) else None


def _wrong(pointer: str, detail: str) -> Unobservable:
    place = f"at {pointer} of" if pointer else "in"
    return Unobservable(f"{place} the worker's answer: {detail}")
