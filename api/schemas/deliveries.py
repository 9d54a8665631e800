"""Events and their deliveries as clients read them."""

from marshmallow import fields

from api.schemas.answers import PageQuery
from api.schemas.attempts import AttemptSchema
from api.schemas.fields import MOST_ID, WORK_STATES, Object, QueryInteger, Timestamp, Word, left_out
from api.schemas.webhooks import EVENT_TYPES
from api.store.deliveries import TEST_EVENT_TYPE

BORN_TYPES = (*EVENT_TYPES, TEST_EVENT_TYPE)


class DeliveriesOfWebhookQuery(PageQuery):
    state = Word(*WORK_STATES, load_default=left_out)


class DeliveryQuery(DeliveriesOfWebhookQuery):
    webhook_id = QueryInteger(least=1, most=MOST_ID, load_default=left_out)
    event_id = fields.UUID(load_default=left_out, error_messages={"invalid_uuid": "must be a UUID"})


class DeliverySchema(Object):
    id = fields.UUID(required=True)
    webhook_id = fields.Integer(
        required=True, allow_none=True, metadata={"description": "null when the webhook has been deleted"}
    )
    event_id = fields.UUID(required=True, metadata={"description": "what the receiver gets as webhook-id"})
    event_type = Word(*BORN_TYPES, required=True)
    state = Word(*WORK_STATES, required=True)
    error = fields.String(required=True, allow_none=True)
    attempt_count = fields.Integer(required=True, metadata={"description": "how often it was begun"})
    max_attempts = fields.Integer(required=True)
    inert = fields.Boolean(
        required=True, metadata={"description": "a test or a replay, which does not count in the webhook's record"}
    )
    replay_of = fields.UUID(required=True, allow_none=True, metadata={"description": "the delivery that it repeats"})
    next_attempt_at = Timestamp(required=True, allow_none=True, metadata={"description": "null unless it is pending"})
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    finished_at = Timestamp(required=True, allow_none=True)


class DeliveryWithAttemptsSchema(DeliverySchema):
    attempts = fields.List(fields.Nested(AttemptSchema), required=True)


class DeliveryPage(Object):
    data = fields.List(fields.Nested(DeliverySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class EventQuery(PageQuery):
    type = Word(*BORN_TYPES, load_default=left_out)


class EventSchema(Object):
    """Something that happened; webhooks are told type, timestamp and data."""

    id = fields.UUID(required=True)
    type = Word(*BORN_TYPES, required=True)
    timestamp = Timestamp(required=True)
    data = fields.Dict(required=True)


class EventPage(Object):
    data = fields.List(fields.Nested(EventSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
