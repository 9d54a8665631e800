"""Checklist runs: observe what the checklist says, compare it with the approved values, record what was found."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from shared.database import Cursor
from shared.domain.json_value import written
from shared.domain.observations import ObservedFlow, Unobservable, observations_of
from shared.domain.rules import parse_rule
from shared.event_data import run_finished, run_started
from shared.store import checklists, snapshots
from shared.store.checklists import Checklist
from shared.store.events import NewEvent
from shared.store.snapshots import ApprovedValues, NewSnapshot
from shared.store.work import ClaimedWork, FinishedAttempt
from worker.apart import LARGE_BYTES, OutOfTime, compute, is_large
from worker.flows import observe_flows
from worker.outbound import Outbound, Response
from worker.performer import End, Ended, Prepared, failed, in_task, released
from worker.verdict import Verdict, judge
from worker.worker_url import observations, request_for

FIRST_VALUE = "first value"  # who approved a value that nobody looked at
JUDGED_WITHIN_SECONDS: Final = 3  # after the time of the run, and within the margin of its lease
MAX_RESULT_BYTES: Final = 8 * 1_048_576
TOO_LARGE: Final = (
    "what was observed, its snapshots and their differences are larger than 8 MiB in all; observe less of the answers"
)


@dataclass(frozen=True, slots=True)
class RunSubject:
    """The checklist of a run as it is when the run begins, its approved values, and which of them are obsolete."""

    checklist: Checklist
    approved: ApprovedValues
    obsolete: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RunFindings:
    """What a run changes besides itself: first values to put in force, snapshots whose obsolescence changed."""

    new_snapshots: tuple[NewSnapshot, ...]
    obsolete_marks: dict[tuple[int, str, str], bool]


class RunPerformer:
    """Performs runs on the outbound loop."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        ids = sorted({item.checklist_id for item in items if item.checklist_id is not None})
        definitions = checklists.for_runs(cursor, ids)
        approved, obsolete = snapshots.for_runs(cursor, ids)
        prepared = []
        for item in items:
            checklist = definitions.get(item.checklist_id or 0)
            if checklist is None:
                prepared.append(Prepared(item))
                continue
            subject = RunSubject(
                checklist,
                approved[checklist.id],
                frozenset((flow, name) for owner, flow, name in obsolete if owner == checklist.id),
            )
            started = run_started(item, checklist.name) if item.attempt == 1 else None  # told once, also if given back
            prepared.append(Prepared(item, subject, started))
        return prepared

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        return in_task(self._perform(piece, timeout_seconds), end)

    async def _perform(self, piece: Prepared, timeout_seconds: float) -> Ended:
        began = time.monotonic()
        deadline = began + timeout_seconds
        subject = piece.subject
        if not isinstance(subject, RunSubject):
            return _unobserved(piece.work, began, "its checklist was deleted")
        try:
            observed = await self._observe(piece.work, subject.checklist, deadline)
            takes_long = _takes_long(subject, observed)
            return await compute(takes_long, _left(deadline), _judged, piece.work, subject, observed, began)
        except Unobservable as error:
            return _unobserved(piece.work, began, error.detail, timed_out=error.timed_out)
        except OutOfTime as late:
            if not late.was_begun:
                return released(piece.work, "this worker was busy with what other runs have observed")
            return _unobserved(piece.work, began, "the time of the run was over while what was observed was compared")

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        findings = [item.findings for item in ended if isinstance(item.findings, RunFindings)]
        snapshots.put_first(cursor, [value for found in findings for value in found.new_snapshots])
        snapshots.mark_obsolete(cursor, {key: mark for found in findings for key, mark in found.obsolete_marks.items()})
        return [run_finished(item.work, item.attempt) for item in ended if item.attempt.state != "pending"]

    async def _observe(self, work: ClaimedWork, checklist: Checklist, deadline: float) -> Sequence[ObservedFlow]:
        send = partial(self._outbound.send, owner=work.account_id)
        if "observed" in work.spec:
            brought = work.spec["observed"]  # by the run's task
            return await compute(is_large([brought]), _left(deadline), observations_of, brought)
        if checklist.worker_url is not None:
            request = request_for(checklist.worker_url, work.id, checklist.id)
            answer = await send(request, deadline - time.monotonic())
            takes_long = isinstance(answer, Response) and len(answer.body) > LARGE_BYTES
            return await compute(takes_long, _left(deadline), observations, answer)
        if checklist.flows is not None:
            variables = checklist.variables | work.spec.get("variables", {})
            return await observe_flows(checklist.flows, variables, send, deadline)
        raise Unobservable("its checklist has come to observe through a queue; run it again")


def _left(deadline: float) -> float:
    """How long it may still take to make something of what was observed."""
    return deadline + JUDGED_WITHIN_SECONDS - time.monotonic()


def _takes_long(subject: RunSubject, observed: Sequence[ObservedFlow]) -> bool:
    return (
        any(rule["match"] == "regex" for rule in subject.checklist.rules)
        or is_large(check.value for flow in observed for check in flow.checks)
        or is_large(subject.approved.values())
    )


def _judged(work: ClaimedWork, subject: RunSubject, observed: Sequence[ObservedFlow], began: float) -> Ended:
    rules = [parse_rule(raw) for raw in subject.checklist.rules]
    verdict = judge(observed, subject.approved, rules, subject.checklist.first_value)
    return _observed(work, subject, observed, verdict, began)


def _observed(
    work: ClaimedWork, subject: RunSubject, observed: Sequence[ObservedFlow], verdict: Verdict, began: float
) -> Ended:
    checklist = subject.checklist
    could_not = verdict.outcome == "error"
    marks = {(checklist.id, *key): True for key in verdict.obsolete_keys if key not in subject.obsolete}
    marks |= {(checklist.id, *key): False for key in verdict.observed_keys if key in subject.obsolete}
    texts = {(flow.name, check.name): check.text for flow in observed for check in flow.checks}
    values = tuple(
        NewSnapshot(checklist.account_id, checklist.id, flow, name, value, FIRST_VALUE, work.id, text=texts[flow, name])
        for flow, name, value in verdict.new_values
    )
    result: dict[str, Any] = {"flows": verdict.flows, "summary": verdict.summary}
    if work.spec.get("keeps_texts"):
        result["texts"] = [[check.text for check in flow.checks] for flow in observed]
    result_bytes = len(written(result).encode())
    if result_bytes > MAX_RESULT_BYTES:
        return _unobserved(work, began, TOO_LARGE)
    attempt = FinishedAttempt(
        id=work.id,
        lease_token=work.lease_token,
        state="failed" if could_not else "succeeded",
        attempt_outcome="failed" if could_not else "succeeded",
        outcome=verdict.outcome,
        result=result,
        error=_flow_errors(verdict) if could_not else None,
        elapsed_ms=_milliseconds_since(began),
    )
    return Ended(work, attempt, RunFindings(values, marks), result_bytes)


def _unobserved(work: ClaimedWork, began: float, error: str, *, timed_out: bool = False) -> Ended:
    outcome: Literal["failed", "timeout"] = "timeout" if timed_out else "failed"
    return failed(work, error, attempt_outcome=outcome, elapsed_ms=_milliseconds_since(began))


def _flow_errors(verdict: Verdict) -> str:
    """The first flow that could not be performed to its end, and how many more there are."""
    failed = [flow for flow in verdict.flows if "error" in flow]
    more = f" (and {len(failed) - 1} more flows)" if len(failed) > 1 else ""
    return f"flow '{failed[0]['name']}': {failed[0]['error']}{more}"


def _milliseconds_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
