"""Checklist runs: observe what the checklist says, compare it with the approved values, record what was found."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from shared.database import Cursor
from shared.domain.rules import parse_rule
from shared.store import checklists, snapshots
from shared.store.checklists import Checklist
from shared.store.snapshots import ApprovedValues, NewSnapshot
from shared.store.work import ClaimedWork, FinishedAttempt
from worker.flows import observe_flows
from worker.observation import ObservedFlow, Unobservable
from worker.outbound import Outbound
from worker.performer import Ended, Prepared
from worker.verdict import Verdict, judge
from worker.worker_url import observations, request_for

log = structlog.get_logger(__name__)

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
    """Performs runs as coroutines on the outbound loop, many at once."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._tasks: set[asyncio.Task[None]] = set()

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork], claimed_at: float) -> list[Prepared]:
        ids = sorted({item.checklist_id for item in items if item.checklist_id is not None})
        definitions = checklists.for_runs(cursor, ids)
        approved, obsolete = snapshots.for_runs(cursor, ids)
        prepared = []
        for item in items:
            checklist = definitions.get(item.checklist_id or 0)
            subject = checklist and RunSubject(
                checklist,
                approved[checklist.id],
                frozenset((flow, name) for owner, flow, name in obsolete if owner == checklist.id),
            )
            prepared.append(Prepared(item, claimed_at + item.timeout_seconds, subject))
        return prepared

    def begin(self, piece: Prepared, report: Callable[[Ended], None]) -> None:
        self._outbound.loop.call_soon_threadsafe(self._begin_on_loop, piece, report)

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> None:
        findings = [item.findings for item in ended if isinstance(item.findings, RunFindings)]
        snapshots.put_first(cursor, [value for found in findings for value in found.new_snapshots])
        snapshots.mark_obsolete(cursor, {key: mark for found in findings for key, mark in found.obsolete_marks.items()})

    def cancel_all(self) -> None:
        async def cancel() -> None:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self._outbound.loop).result(timeout=2.0)

    def _begin_on_loop(self, piece: Prepared, report: Callable[[Ended], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._perform(piece, report))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform(self, piece: Prepared, report: Callable[[Ended], None]) -> None:
        began = time.monotonic()
        try:
            ended = await self._run(piece, began)
        except Exception:  # whatever goes wrong in one run must end that run, not the worker
            log.exception("run_broke", work_id=str(piece.work.id))
            ended = _unobserved(piece, began, "an internal error kept this run from being observed")
        report(ended)

    async def _run(self, piece: Prepared, began: float) -> Ended:
        subject = piece.subject
        if not isinstance(subject, RunSubject):
            return _unobserved(piece, began, "its checklist was deleted")
        try:
            observed = await self._observe(piece, subject.checklist)
        except Unobservable as error:
            return _unobserved(piece, began, error.detail, timed_out=error.timed_out)
        rules = [parse_rule(raw) for raw in subject.checklist.rules]
        verdict = judge(observed, subject.approved, rules, subject.checklist.first_value)
        return _observed(piece, subject, verdict, began)

    async def _observe(self, piece: Prepared, checklist: Checklist) -> Sequence[ObservedFlow]:
        if checklist.worker_url is not None:
            request = request_for(checklist.worker_url, str(piece.work.id), checklist.id)
            return observations(await self._outbound.send(request, piece.deadline - time.monotonic()))
        if checklist.flows is not None:
            variables = checklist.variables | piece.work.spec.get("variables", {})
            return await observe_flows(checklist.flows, variables, self._outbound.send, piece.deadline)
        raise Unobservable("observations from a queue are not available")


def _observed(piece: Prepared, subject: RunSubject, verdict: Verdict, began: float) -> Ended:
    checklist = subject.checklist
    could_not = verdict.outcome == "error"
    marks = {(checklist.id, *key): True for key in verdict.obsolete_keys if key not in subject.obsolete}
    marks |= {(checklist.id, *key): False for key in verdict.observed_keys if key in subject.obsolete}
    values = tuple(
        NewSnapshot(checklist.account_id, checklist.id, flow, name, value, FIRST_VALUE, piece.work.id)
        for flow, name, value in verdict.new_values
    )
    attempt = FinishedAttempt(
        id=piece.work.id,
        lease_token=piece.work.lease_token,
        state="failed" if could_not else "succeeded",
        attempt_outcome="failed" if could_not else "succeeded",
        outcome=verdict.outcome,
        result={"flows": verdict.flows, "summary": verdict.summary},
        error=_flow_errors(verdict) if could_not else None,
        elapsed_ms=_milliseconds_since(began),
    )
    return Ended("run", attempt, piece.work.schedule_id, RunFindings(values, marks))


def _unobserved(piece: Prepared, began: float, error: str, *, timed_out: bool = False) -> Ended:
    attempt = FinishedAttempt(
        id=piece.work.id,
        lease_token=piece.work.lease_token,
        state="failed",
        attempt_outcome="timeout" if timed_out else "failed",
        outcome="error",
        error=error,
        elapsed_ms=_milliseconds_since(began),
    )
    return Ended("run", attempt, piece.work.schedule_id)


def _flow_errors(verdict: Verdict) -> str:
    """The first flow that could not be performed to its end, and how many more there are."""
    failed = [flow for flow in verdict.flows if "error" in flow]
    more = f" (and {len(failed) - 1} more flows)" if len(failed) > 1 else ""
    return f"flow '{failed[0]['name']}': {failed[0]['error']}{more}"


def _milliseconds_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
