"""Observations asked of a checklist's own worker: the request, and what can be made of the answer."""

from typing import Final
from uuid import UUID

from shared.domain.json_text import parse
from shared.domain.json_value import InvalidJson, written
from shared.domain.observations import OBSERVED_MAX_INTEGER, ObservedFlow, Unobservable, observations_of
from worker.outbound.exchange import Request, Response, Unreachable

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


def _hint(answer: Response) -> str:
    if 300 <= answer.status <= 399:
        return "; redirects are not followed"
    text = " ".join(answer.body[:400].decode(errors="replace").replace("\0", " ").split())
    return f"; it says: {text[:200]}" if text and not text.startswith("<") else ""
