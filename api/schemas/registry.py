"""The registry's two routes as its clients write and read them."""

from marshmallow import fields

from api.schemas.fields import Object, QueryInteger, left_out


class PopTaskQuery(Object):
    wait = QueryInteger(
        least=0, most=20, load_default=10, metadata={"description": "how many seconds to wait for a task"}
    )
    lease = QueryInteger(
        least=1,
        most=43_200,
        load_default=left_out,
        metadata={"description": "lease the task for so many seconds; it is to be acked then. Otherwise it is done"},
    )


class PushedSchema(Object):
    success = fields.Boolean(required=True)


class RegistryTaskSchema(Object):
    task = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "the payload with the task's `id`, and with its `lease_token` if it was leased; a payload"
            " that is no object is the member `payload`",
            "example": {"domain": "example.com", "id": "0198c0de-0000-7000-8000-000000000000"},
        },
    )


class NoTaskSchema(Object):
    error = fields.String(required=True, metadata={"example": "No tasks available"})
