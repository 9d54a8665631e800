"""Names of queues in paths."""

from api.errors import FieldProblem, InvalidInput
from api.schemas.fields import QUEUE_NAME


def is_queue_name(text: str) -> bool:
    """Whether a queue can be called so.

    >>> is_queue_name("emails.urgent"), is_queue_name("e mails"), is_queue_name("")
    (True, False, False)
    """
    return QUEUE_NAME.fullmatch(text) is not None


def require_queue_name(text: str) -> None:
    """Raise InvalidInput when no queue can be called so."""
    if not is_queue_name(text):
        expected = "the name of a queue must be 1 to 100 of: letters, digits, dot, underscore, hyphen"
        raise InvalidInput("the name of the queue is not valid", errors=[FieldProblem("", expected)])
