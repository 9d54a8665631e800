"""Idempotency keys: the first answer is kept with what it created, for 24 hours, for one account."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api.store import idempotency
from api.store.idempotency import FirstAnswer
from shared.database import Cursor, Database
from tests.concurrency import wait_until_blocked
from tests.factories import an_account

BODY = {"id": 1, "text": "é", "nested": [None, 1.5]}


def take(cursor: Cursor, account_id: int, key: str = "k", fingerprint: bytes = b"one") -> FirstAnswer | None:
    return idempotency.take(cursor, account_id, key, fingerprint)


def answer(cursor: Cursor, account_id: int, key: str = "k") -> None:
    idempotency.answered(cursor, account_id, key, status=201, headers={"Location": "/x/1"}, body=BODY)


def test_a_key_is_new_once_and_then_has_its_first_answer(cursor: Cursor) -> None:
    account = an_account(cursor)
    assert take(cursor, account) is None
    answer(cursor, account)
    assert take(cursor, account, fingerprint=b"two") == FirstAnswer(b"one", 201, {"Location": "/x/1"}, BODY)


def test_keys_of_different_accounts_are_different(cursor: Cursor) -> None:
    one, other = an_account(cursor), an_account(cursor)
    assert take(cursor, one) is None
    assert take(cursor, other) is None


def test_a_key_is_forgotten_after_a_day(cursor: Cursor) -> None:
    account = an_account(cursor)
    take(cursor, account)
    answer(cursor, account)
    cursor.execute("UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'")
    assert take(cursor, account) is not None
    cursor.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'")
    assert take(cursor, account) is None


def test_what_was_not_created_leaves_no_key(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        take(transaction.cursor, account)
        raise ZeroDivisionError
    assert take(cursor, account) is None


def test_a_key_that_is_given_up_just_then_is_anybodys(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    take(cursor, account)
    answer(cursor, account)

    def take_too() -> FirstAnswer | None:
        with database.transaction() as second:
            return take(second.cursor, account)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            idempotency.forget(first.cursor, account, "k")
            late = pool.submit(take_too)
            wait_until_blocked(database)
        assert late.result(10) is None
    assert take(cursor, account) is not None


def test_asking_for_a_first_answer_claims_nothing(cursor: Cursor) -> None:
    account = an_account(cursor)
    assert idempotency.first_answer(cursor, account, "k") is None
    assert take(cursor, account) is None
    answer(cursor, account)
    assert idempotency.first_answer(cursor, account, "k") == FirstAnswer(b"one", 201, {"Location": "/x/1"}, BODY)
    cursor.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'")
    assert idempotency.first_answer(cursor, account, "k") is None


@pytest.mark.parametrize("first_succeeds", [True, False])
def test_a_second_request_waits_for_the_first_and_takes_over_if_that_fails(
    database: Database, cursor: Cursor, first_succeeds: bool
) -> None:
    account = an_account(cursor)

    def take_too() -> FirstAnswer | None:
        with database.transaction() as second:
            return take(second.cursor, account)

    def take_first(pool: ThreadPoolExecutor) -> "Future[FirstAnswer | None]":
        with database.transaction() as first:
            take(first.cursor, account)
            answer(first.cursor, account)
            late = pool.submit(take_too)
            wait_until_blocked(database)
            if not first_succeeds:
                first.cursor.connection.rollback()
        return late

    with ThreadPoolExecutor(1) as pool:
        found = take_first(pool).result(10)
    assert (found is not None) is first_succeeds
