"""Observations asked of a checklist's own worker: the request, and the answer read strictly."""

from typing import Final
from uuid import UUID

from shared.domain.json_kind import kind
from shared.domain.json_text import parse
from shared.domain.json_value import InvalidJson, Json, written
from worker.observation import OBSERVED_MAX_INTEGER, ObservedCheck, ObservedFlow, Unobservable, numbered
from worker.outbound.exchange import Request, Response, Unreachable

MAX_FLOWS: Final = 200
MAX_CHECKS: Final = 1_000
MAX_NAME_LENGTH: Final = 200

_HEADERS: Final = (("content-type", "application/json"), ("accept", "application/json"))


def request_for(url: str, run_id: UUID | str, checklist_id: int) -> Request:
    """The call that asks a worker for its observations.

    >>> request_for("http://127.0.0.1/", "r", 7).body
    b'{"run_id":"r","checklist_id":7}'
    """
    body = written({"run_id": str(run_id), "checklist_id": checklist_id}).encode()
    return Request("POST", url, _HEADERS, body)


def observations(answer: Response | Unreachable) -> tuple[ObservedFlow, ...]:
    """What the worker observed.

    Raises Unobservable with a sentence about why its answer cannot be used.
    """
    if isinstance(answer, Unreachable):
        detail = f"the worker could not be asked: {answer.detail}"
        raise Unobservable(detail, timed_out=answer.reason == "timed_out")
    if not 200 <= answer.status <= 299:
        raise Unobservable(f"the worker answered with status {answer.status}; expected 2xx{_hint(answer)}")
    if answer.truncated:
        raise Unobservable("the worker's answer is larger than 1 MiB")
    try:
        value = parse(answer.body, max_integer=OBSERVED_MAX_INTEGER)
    except InvalidJson as fault:
        if answer.body.lstrip()[:1] == b"<":
            raise Unobservable("the worker answered with HTML; expected a JSON array of flows") from None
        detail = "it is empty" if not answer.body.strip() else str(fault)
        raise Unobservable(f"the worker's answer is not JSON: {detail}; expected an array of flows") from None
    return observations_of(value)


def observations_of(value: Json) -> tuple[ObservedFlow, ...]:
    """The flows in [{"name", "assertions": [{"name", "snapshot": "<JSON text>"} or {"name", "value": <JSON>}]}].

    Members of other names are passed over. Raises Unobservable naming the place of the first fault.

    >>> observations_of([{"name": "f", "assertions": [{"name": "a", "snapshot": "[1]"}]}])[0].checks
    (ObservedCheck(name='a', value=[1], observed=True, errors=()),)
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
        return ObservedCheck(name, parse(text, max_integer=OBSERVED_MAX_INTEGER), observed=True)
    except InvalidJson as fault:
        return ObservedCheck(name, None, observed=False, errors=(f"the snapshot is not JSON text: {fault}",))


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


def _hint(answer: Response) -> str:
    if 300 <= answer.status <= 399:
        return "; redirects are not followed"
    text = " ".join(answer.body[:400].decode(errors="replace").replace("\0", " ").split())
    return f"; it says: {text[:200]}" if text and not text.startswith("<") else ""
