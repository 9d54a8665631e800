"""Deleting a webhook, however many deliveries it has had: nobody who records an event waits for that."""

from typing import Final

from api.auth import caller
from api.errors import Conflict, NotFound
from api.services import services
from api.store import webhooks

NO_WEBHOOK: Final = "there is no such webhook in this account"
AT_ONCE: Final = 1_000
MOST_BATCHES: Final = 1_000


def delete_webhook(webhook_id: int) -> None:
    """Delete the caller's webhook; its deliveries stay, and those that have not ended are canceled.

    Each step is a transaction of its own, and may be repeated. Raises NotFound.
    """
    database, account_id = services().database, caller().account_id
    with database.transaction() as transaction:
        if not webhooks.close(transaction.cursor, account_id, webhook_id):
            raise NotFound(NO_WEBHOOK)
    for _ in range(MOST_BATCHES):
        if _take_away(webhook_id):
            return
    raise Conflict("the webhook is disabled, and has more deliveries than one request can take away; delete it again")


def _take_away(webhook_id: int) -> bool:
    """Take some deliveries away from the webhook, and with the last of them the webhook itself; whether it is gone."""
    account_id = caller().account_id
    with services().database.transaction() as transaction:
        count, canceled = webhooks.detach(transaction.cursor, account_id, webhook_id, limit=AT_ONCE)
        transaction.after_commit(lambda: services().bell.announce(canceled))
        if count == AT_ONCE:
            return False
        webhooks.delete(transaction.cursor, account_id, webhook_id)
    return True
