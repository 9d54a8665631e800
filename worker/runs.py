"""Checklist runs: observe what the checklist says, compare it with the approved values, record what was found."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.database import Cursor
from shared.domain.observations import ObservedFlow, Unobservable, observations_of
from shared.domain.rules import parse_rule
from shared.event_data import run_finished, run_started
from shared.store import checklists, snapshots
from shared.store.checklists import Checklist
from shared.store.events import NewEvent
from shared.store.snapshots import ApprovedValues, NewSnapshot
from shared.store.work import ClaimedWork, FinishedAttempt
from worker.flows import observe_flows
from worker.outbound import Outbound
from worker.performer import Ended, Prepared, failed
from worker.verdict import Verdict, judge
from worker.worker_url import observations, request_for

FIRST_VALUE = "first value"  # who approved a value that nobody looked at


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
            started = run_started(item, checklist.name) if item.counted_attempt == 1 else None
            prepared.append(Prepared(item, subject, started))
        return prepared

    async def perform(self, piece: Prepared, timeout_seconds: float) -> Ended:
        began = time.monotonic()
        subject = piece.subject
        if not isinstance(subject, RunSubject):
            return _unobserved(piece.work, began, "its checklist was deleted")
        try:
            observed = await self._observe(piece.work, subject.checklist, began + timeout_seconds)
        except Unobservable as error:
            return _unobserved(piece.work, began, error.detail, timed_out=error.timed_out)
        rules = [parse_rule(raw) for raw in subject.checklist.rules]
        verdict = judge(observed, subject.approved, rules, subject.checklist.first_value)
        return _observed(piece.work, subject, observed, verdict, began)

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        findings = [item.findings for item in ended if isinstance(item.findings, RunFindings)]
        snapshots.put_first(cursor, [value for found in findings for value in found.new_snapshots])
        snapshots.mark_obsolete(cursor, {key: mark for found in findings for key, mark in found.obsolete_marks.items()})
        return [run_finished(item.work, item.attempt) for item in ended if item.attempt.state != "pending"]

    async def _observe(self, work: ClaimedWork, checklist: Checklist, deadline: float) -> Sequence[ObservedFlow]:
        if "observed" in work.spec:
            return observations_of(work.spec["observed"])  # what the run's task has brought
        if checklist.worker_url is not None:
            request = request_for(checklist.worker_url, str(work.id), checklist.id)
            return observations(await self._outbound.send(request, deadline - time.monotonic()))
        if checklist.flows is not None:
            variables = checklist.variables | work.spec.get("variables", {})
            return await observe_flows(checklist.flows, variables, self._outbound.send, deadline)
        raise Unobservable("its checklist has come to observe through a queue; run it again")


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
    return Ended(work, attempt, RunFindings(values, marks))


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
