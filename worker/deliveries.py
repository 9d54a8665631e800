"""Deliveries: an event sent to a webhook, signed, until it is taken; and the record of webhooks that never take any."""

import asyncio
import random
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.database import Cursor
from shared.domain.json_value import written
from shared.errors import SealBroken
from shared.seal import Seal
from shared.settings import Settings
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork, FinishedAttempt
from worker.calls import Answer, ended_call
from worker.messages import message
from worker.outbound import Outbound, Request, Response
from worker.performer import Ended, Prepared, failed
from worker.retry import listed
from worker.signing import signatures
from worker.store import webhooks
from worker.store.webhooks import Endpoint, Event

GONE = 410


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
            subject = DeliverySubject(endpoint, event, now, read_at) if endpoint and event and now else None
            prepared.append(Prepared(item, subject))
        return prepared

    def perform(self, piece: Prepared, timeout_seconds: float) -> Awaitable[Ended]:
        work, subject = piece.work, piece.subject
        if not isinstance(subject, DeliverySubject):
            return self._at_once(_canceled(work, "the webhook was deleted"))
        if not subject.endpoint.is_enabled and not work.inert:
            return self._at_once(_canceled(work, "the webhook was disabled"))
        try:
            request = self._request(subject, work.attempt)
        except SealBroken as error:
            return self._at_once(failed(work, str(error)))

        def delay() -> timedelta | None:
            jitter = random.uniform(-1, 1)  # noqa: S311 (spreads retries out; nobody gains by guessing it)
            return listed(self._delays, work.counted_attempt, jitter)

        def ended(answer: Answer) -> Ended:
            return ended_call(work, answer, delay=delay, retries=_may_be_better)

        return self._outbound.call(request, timeout_seconds, ended)

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        """Keep the record of the webhooks; one that is gone, or has failed for too long, is disabled."""
        told = [item for item in ended if not item.work.inert and item.work.webhook_id is not None]
        taken = {item.work.webhook_id for item in told if item.attempt.attempt_outcome == "succeeded"}
        refused = {
            item.work.webhook_id for item in told if item.attempt.attempt_outcome in ("failed", "timeout")
        } - taken
        gone = {item.work.webhook_id for item in told if item.attempt.status_code == GONE}
        webhooks.note(cursor, taken=sorted(filter(None, taken)), refused=sorted(filter(None, refused)))
        disabled = webhooks.disable(
            cursor,
            gone=sorted(filter(None, gone)),
            failing=sorted(filter(None, refused)),
            failing_seconds=self._disable_seconds,
        )
        webhooks.cancel_pending(cursor, [webhook.id for webhook in disabled], "the webhook was disabled")
        return [
            NewEvent(
                webhook.account_id,
                "webhook.disabled",
                {"webhook_id": webhook.id, "url": webhook.url, "reason": webhook.reason},
            )
            for webhook in disabled
        ]

    def _at_once(self, ended: Ended) -> Awaitable[Ended]:
        future: asyncio.Future[Ended] = self._outbound.loop.create_future()
        future.set_result(ended)
        return future

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


def _may_be_better(answer: Answer) -> bool:
    return not (isinstance(answer, Response) and answer.status == GONE)


def _canceled(work: ClaimedWork, reason: str) -> Ended:
    return Ended(work, FinishedAttempt(work.id, work.lease_token, "canceled", "canceled", error=reason))
