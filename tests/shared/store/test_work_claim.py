"""Claiming: who gets what, in which order, and for how long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from shared.database import Cursor, Database
from shared.store import work
from shared.store.work import ClaimedWork
from tests import claiming
from tests.factories import an_account, an_ended, claimed_work, some_work
from tests.rows import attempts, inconsistent_work, work_row


def claim(
    cursor: Cursor, limit: int = 10, *, margin_seconds: float = 15, now: datetime | None = None
) -> list[ClaimedWork]:
    return claiming.claim(cursor, limit=limit, margin_seconds=margin_seconds, now=now)


def test_a_claim_leases_due_work_and_counts_the_attempt(cursor: Cursor) -> None:
    [id] = some_work(cursor)
    [claimed] = claim(cursor)
    row = work_row(cursor, id)
    assert (claimed.id, claimed.attempt) == (str(id), 1)
    assert (row.state, row.attempt, str(row.lease_token)) == ("running", 1, claimed.lease_token)
    assert attempts(cursor, id) == [(1, None)]


def test_nothing_due_claims_nothing(cursor: Cursor) -> None:
    assert claim(cursor) == []


def test_claimed_work_is_not_claimed_again(cursor: Cursor) -> None:
    some_work(cursor)
    assert len(claim(cursor)) == 1
    assert claim(cursor) == []


def test_work_that_is_due_later_waits_for_its_time(cursor: Cursor) -> None:
    [id] = some_work(cursor, due_in_seconds=60)
    assert claim(cursor) == []
    [claimed] = claim(cursor, now=datetime.now(UTC) + timedelta(seconds=61))
    assert claimed.id == str(id)


def test_tasks_are_left_to_external_workers(cursor: Cursor) -> None:
    some_work(cursor, kind="task")
    assert claim(cursor) == []


def test_the_lease_is_the_allowance_and_a_margin_by_the_clock_of_the_database(database: Database) -> None:
    with database.transaction() as transaction:
        [claimed] = claimed_work(transaction.cursor, timeout_seconds=40)
        transaction.cursor.execute(
            "SELECT lease_expires_at - started_at, started_at > now() AND started_at < clock_timestamp() FROM work"
            " WHERE id = %s",
            (claimed.id,),
        )
        # Later than the transaction: one that began long ago must not make a lease that has run out already.
        assert transaction.cursor.fetchone() == (timedelta(seconds=55), True)


def test_the_oldest_due_work_comes_first(cursor: Cursor) -> None:
    account = an_account(cursor)
    [later] = some_work(cursor, account, due_in_seconds=-1)
    [earlier] = some_work(cursor, account, due_in_seconds=-2)
    assert [item.id for item in claim(cursor, 1)] == [str(earlier)]
    assert [item.id for item in claim(cursor, 1)] == [str(later)]


def test_no_more_than_the_limit_is_claimed(cursor: Cursor) -> None:
    some_work(cursor, count=7)
    assert len(claim(cursor, 5)) == 5
    assert len(claim(cursor, 5)) == 2


def test_five_hundred_are_claimed_in_one_statement(cursor: Cursor) -> None:
    ids = some_work(cursor, count=500)
    claimed = claim(cursor, 500)
    assert {item.id for item in claimed} == {str(id) for id in ids}
    assert len({item.lease_token for item in claimed}) == 500
    assert inconsistent_work(cursor) == []


def test_a_flood_in_one_account_does_not_hold_up_another(cursor: Cursor) -> None:
    some_work(cursor, count=500, due_in_seconds=-60)
    [single] = some_work(cursor)
    assert str(single) in {item.id for item in claim(cursor, 10)}


def test_accounts_take_turns_when_all_have_more_than_fits(cursor: Cursor) -> None:
    for _ in range(3):
        some_work(cursor, count=20)
    claimed = claim(cursor, 9)
    shares = [sum(item.account_id == account for item in claimed) for account in {item.account_id for item in claimed}]
    assert shares == [3, 3, 3]


@pytest.mark.parametrize("claimers", [2, 4])
def test_claimers_at_the_same_time_never_get_the_same_work(database: Database, claimers: int) -> None:
    with database.transaction() as transaction:
        ids = some_work(transaction.cursor, count=200)
    together = Barrier(claimers)

    def claim_until_nothing_is_left() -> list[ClaimedWork]:
        claimed: list[ClaimedWork] = []
        together.wait(5)
        while True:
            with database.transaction() as transaction:
                batch = claim(transaction.cursor, 7)
            if not batch:
                return claimed
            claimed += batch

    with ThreadPoolExecutor(claimers) as pool:
        futures = [pool.submit(claim_until_nothing_is_left) for _ in range(claimers)]
        got = [item.id for future in futures for item in future.result(15)]
    # One that skipped the locked rows of another may stop early; nobody gets a row twice, and nothing is lost.
    with database.reading() as cursor:
        got += [item.id for item in claim(cursor, 200)]
        assert inconsistent_work(cursor) == []
    assert sorted(got) == sorted(str(id) for id in ids)


def test_a_claim_passes_over_what_another_transaction_is_claiming(database: Database) -> None:
    with database.reading() as cursor:
        some_work(cursor, an_account(cursor), count=4)
    with database.transaction() as first:
        begun = {item.id for item in claim(first.cursor, 2)}
        with database.reading() as second:
            others = {item.id for item in claim(second, 10)}
    assert (len(begun), len(others), begun & others) == (2, 2, set())


def test_a_claim_that_is_rolled_back_has_begun_nothing(database: Database, cursor: Cursor) -> None:
    [id] = some_work(cursor)
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        claim(transaction.cursor)
        raise ZeroDivisionError
    assert (work_row(cursor, id).state, attempts(cursor, id)) == ("pending", [])


def test_a_second_attempt_has_the_next_number_and_another_token(cursor: Cursor) -> None:
    [first] = claimed_work(cursor)
    work.finish(cursor, [an_ended(first, "pending")])
    [second] = claim(cursor)
    assert (second.id, second.attempt) == (first.id, 2)
    assert second.lease_token != first.lease_token


def test_the_first_start_is_kept_when_work_is_begun_again(cursor: Cursor) -> None:
    [first] = claimed_work(cursor)
    started_at = work_row(cursor, first.id).started_at
    work.finish(cursor, [an_ended(first, "pending")])
    claim(cursor, now=datetime.now(UTC) + timedelta(hours=1))
    assert work_row(cursor, first.id).started_at == started_at
