"""What a client of infinitas says over its socket, as docs/websocket.md has it."""

from typing import Final

from marshmallow import fields

from api.schemas.checks import check_queue_name
from api.schemas.fields import Integer, Json, Object, Text
from api.schemas.tasks import LONGEST_MESSAGE, Uuid
from api.sockets.hand import MOST_IN_HAND
from api.sockets.messages import Messages

JOBS_IN_HAND: Final = 10  # of one processor, if it does not say


class ProcessorMessage(Object):
    type = fields.Constant("processor")
    name = Text(most=100, required=True, validate=check_queue_name)
    max = Integer(least=1, most=MOST_IN_HAND, load_default=JOBS_IN_HAND)


class JobMessage(Object):
    """About a job; in the last attempt that this client was given, if it does not say in which."""

    id = Uuid(required=True)
    attempt = Integer(least=1, most=2**31, load_default=None, allow_none=True)


class LogMessage(JobMessage):
    type = fields.Constant("log")
    message = Text(least=0, most=LONGEST_MESSAGE, required=True)


class DoneMessage(JobMessage):
    type = fields.Constant("done")
    result = Json(load_default=None)


class FailMessage(JobMessage):
    type = fields.Constant("fail")
    error = Text(least=0, most=LONGEST_MESSAGE, load_default="the processor called fail")


MESSAGES: Final = Messages(processor=ProcessorMessage(), log=LogMessage(), done=DoneMessage(), fail=FailMessage())
