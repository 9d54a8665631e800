"""Deliveries: an event sent to a webhook, signed, until it is taken; and the record of webhooks that never take any."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from shared.database import Cursor
from shared.domain.json_value import written
from shared.errors import SealBroken
from shared.seal import Seal
from shared.settings import Settings
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork, FinishedAttempt
from worker.calls import ended_call, jitter
from worker.messages import message
from worker.outbound import Answer, Outbound, Request, Response, Unreachable
from worker.performer import End, Ended, Prepared, failed
from worker.retry import listed
from worker.signing import signatures
from worker.store import webhooks
from worker.store.webhooks import Endpoint, Event

log = structlog.get_logger(__name__)

GONE = 410
INTERNAL_ERROR = "an internal error kept this from being delivered"
MOST_CANCELED = 10_000  # with the webhook that is disabled; what is left is canceled when it comes to its turn


@dataclass(frozen=True, slots=True)
class DeliverySubject:
    """The webhook as it is now, the event, and the database's time with the monotonic instant at which it was read."""

    endpoint: Endpoint
    event: Event
    time: datetime
    read_at: float


class DeliveryPerformer:
    """Delivers events to webhooks."""

    def __init__(self, outbound: Outbound, settings: Settings) -> None:
        self._outbound = outbound
        self._seal = Seal(settings.secret_keys)
        self._delays = settings.webhook_retry_seconds
        self._disable_seconds = settings.webhook_disable_seconds

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        endpoints = webhooks.endpoints(cursor, [item.webhook_id for item in items if item.webhook_id is not None])
        events, now = webhooks.events(
            cursor, {(item.account_id, item.event_id) for item in items if item.event_id is not None}
        )
        read_at = time.monotonic()
        prepared = []
        for item in items:
            endpoint = endpoints.get(item.webhook_id or 0)
            event = events.get(item.event_id) if item.event_id else None
            subject: DeliverySubject | str
            if endpoint is None:
                subject = "the webhook was deleted"
            elif event is None or now is None:
                subject = "its event was deleted"
            elif not endpoint.is_enabled and not item.inert:
                subject = "the webhook was disabled"
            else:
                subject = DeliverySubject(endpoint, event, now, read_at)
            prepared.append(Prepared(item, subject))
        return prepared

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        work, subject = piece.work, piece.subject
        if not isinstance(subject, DeliverySubject):
            return self._at_once(end, _canceled(work, subject))
        try:
            request = self._request(subject, work.attempt)
        except SealBroken as error:
            log.error("seal_broken", work_id=work.id, error=str(error))  # noqa: TRY400 (where from says nothing)
            return self._at_once(end, self._postponed(work, str(error)))
        except Exception:
            log.exception("delivery_broke", work_id=work.id, webhook_id=work.webhook_id)
            return self._at_once(end, self._postponed(work, INTERNAL_ERROR))
        make = partial(self._ended, work, subject.endpoint.url)
        return self._outbound.call(request, timeout_seconds, partial(end, make))

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        """Keep the record of the webhooks; one that is gone, or has failed for too long, is disabled.

        An answer speaks for the URL that gave it: it says nothing about a webhook that leads elsewhere by now.
        """
        told = [item for item in ended if item.findings is not None and not item.work.inert]
        taken = {_receiver(item) for item in told if item.attempt.state == "succeeded"}
        refused = {_receiver(item) for item in told} - taken
        gone = {_receiver(item) for item in told if item.attempt.status_code == GONE}
        webhooks.note(cursor, taken=taken, refused=refused)
        disabled = webhooks.disable(cursor, gone=gone, failing=refused, failing_seconds=self._disable_seconds)
        webhooks.cancel_pending(
            cursor, [webhook.id for webhook in disabled], "the webhook was disabled", limit=MOST_CANCELED
        )
        return [
            NewEvent(
                webhook.account_id,
                "webhook.disabled",
                {"webhook_id": webhook.id, "url": webhook.url, "reason": webhook.reason},
            )
            for webhook in disabled
        ]

    def _ended(self, work: ClaimedWork, url: str, answer: Answer) -> Ended:
        try:
            ended = ended_call(work, answer, delay=partial(self._delay, work), retries=_may_be_better)
        except Exception:
            log.exception("delivery_broke", work_id=work.id, webhook_id=work.webhook_id)
            return self._postponed(work, INTERNAL_ERROR)
        return ended if _is_our_fault(answer) else ended._replace(findings=url)

    def _postponed(self, work: ClaimedWork, error: str) -> Ended:
        """What went wrong here, and not at the webhook: tried again as ever, without a word in its record."""
        wait = None if work.is_last_attempt else self._delay(work)
        if wait is None:
            return failed(work, error)
        again = FinishedAttempt(
            work.id, work.lease_token, "pending", "failed", error=error, retry_in_seconds=wait.total_seconds()
        )
        return Ended(work, again)

    def _delay(self, work: ClaimedWork) -> timedelta | None:
        return listed(self._delays, work.counted_attempt, jitter())

    def _at_once(self, end: End, ended: Ended) -> Callable[[], object]:
        return self._outbound.loop.call_soon(end, _itself, ended).cancel

    def _request(self, subject: DeliverySubject, attempt: int) -> Request:
        event, endpoint = subject.event, subject.endpoint
        body = written(message(endpoint, event)).encode()
        # By the database's clock: a receiver refuses what seems to have been signed long ago.
        timestamp = int(subject.time.timestamp() + time.monotonic() - subject.read_at)
        secrets = [self._seal.open(secret) for secret in endpoint.secrets]
        headers = (
            ("content-type", "application/json"),
            ("webhook-id", str(event.id)),
            ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", signatures(secrets, str(event.id), timestamp, body)),
        )
        return Request("POST", endpoint.url, body=body, own_headers=headers, on_fresh_connection=attempt > 1)


def _itself(ended: Ended) -> Ended:
    return ended


def _receiver(item: Ended) -> tuple[int, str]:
    """Which webhook was told, and at which URL."""
    return item.work.webhook_id or 0, item.findings


def _is_our_fault(answer: Answer) -> bool:
    return isinstance(answer, Unreachable) and answer.reason == "service_busy"


def _may_be_better(answer: Answer) -> bool:
    return not (isinstance(answer, Response) and answer.status == GONE)


def _canceled(work: ClaimedWork, reason: str) -> Ended:
    return Ended(work, FinishedAttempt(work.id, work.lease_token, "canceled", "canceled", error=reason))
