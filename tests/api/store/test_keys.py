"""Keys: only their hash is kept, one proves one account, and the last one takes everything along."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.store import keys, logins
from api.store.keys import ApiKey, Secret, read_secret
from shared.database import Cursor, Database
from shared.store import snapshots
from shared.store.snapshots import NewSnapshot
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_run, a_schedule, an_account, an_occurrence, some_work
from tests.rows import row_counts


def a_key(cursor: Cursor, account_id: int | None = None, secret: Secret | None = None) -> ApiKey:
    return keys.add(cursor, account_id or an_account(cursor), "test", secret or keys.new_secret())


def test_a_key_proves_its_account(cursor: Cursor) -> None:
    secret = keys.new_secret()
    key = a_key(cursor, secret=secret)
    found = keys.authenticate(cursor, secret)
    assert found is not None
    assert (found.id, found.account_id, found.prefix) == (key.id, key.account_id, secret.prefix)


def test_of_the_secret_only_the_hash_is_kept(cursor: Cursor) -> None:
    secret = keys.new_secret()
    key = a_key(cursor, secret=secret)
    cursor.execute("SELECT api_keys::text, secret_sha256 FROM api_keys WHERE id = %s", (key.id,))
    [(row, digest)] = cursor.fetchall()
    assert secret.secret not in row
    assert bytes(digest) == hashlib.sha256(secret.secret.encode()).digest()


def test_another_secret_behind_the_same_prefix_proves_nothing(cursor: Cursor) -> None:
    secret = keys.new_secret()
    a_key(cursor, secret=secret)
    assert keys.authenticate(cursor, Secret(secret.prefix, keys.new_secret().secret)) is None
    assert keys.authenticate(cursor, Secret("rk_unknown", secret.secret)) is None


def test_the_use_of_a_key_is_noted_once_a_minute(cursor: Cursor) -> None:
    secret = keys.new_secret()
    key = a_key(cursor, secret=secret)

    def last_used() -> object:
        [found] = keys.page(cursor, key.account_id, after=0, limit=10)
        return found.last_used_at

    assert last_used() is None
    keys.authenticate(cursor, secret)
    first = last_used()
    assert first is not None
    keys.authenticate(cursor, secret)
    assert last_used() == first
    cursor.execute("UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = %s", (key.id,))
    keys.authenticate(cursor, secret)
    assert last_used() > first  # type: ignore[operator] # both are instants by now


def test_new_secrets_are_read_back_and_are_all_different() -> None:
    made = {keys.new_secret() for _ in range(50)}
    assert len({secret.prefix for secret in made}) == len({secret.secret for secret in made}) == 50
    assert all(read_secret(secret.text) == secret for secret in made)
    assert {len(secret.secret) for secret in made} == {43}


@pytest.mark.parametrize(
    "text",
    ["", "rk", "rk_", "rk__", "rk_a", "rk_a_", "rk__b", "rk_a_b_c", "xx_a_b", "rk_a_é", "rk_a_b ", "rk_a_" + "b" * 200],
)
def test_what_cannot_be_a_key_is_not_looked_up(text: str) -> None:
    assert read_secret(text) is None


def test_keys_are_paged_by_id_within_their_account(cursor: Cursor) -> None:
    account = an_account(cursor)
    made = [a_key(cursor, account) for _ in range(3)]
    a_key(cursor)
    assert keys.page(cursor, account, after=0, limit=2) == made[:2]
    assert keys.page(cursor, account, after=made[1].id, limit=10) == made[2:]


def test_a_key_is_revoked_by_its_own_account_only(cursor: Cursor) -> None:
    secret = keys.new_secret()
    key = a_key(cursor, secret=secret)
    a_key(cursor, key.account_id)
    assert keys.revoke(cursor, a_key(cursor).account_id, key.id) is False
    assert keys.authenticate(cursor, secret) is not None
    assert keys.revoke(cursor, key.account_id, key.id) is True
    assert keys.authenticate(cursor, secret) is None
    assert keys.revoke(cursor, key.account_id, key.id) is False


def test_with_the_last_key_goes_every_row_of_the_account_and_of_no_other(cursor: Cursor) -> None:
    before = row_counts(cursor)
    key = a_key(cursor)
    checklist = a_checklist(cursor, key.account_id)
    run = a_run(cursor, checklist)
    snapshots.put(cursor, [NewSnapshot(key.account_id, checklist.id, "f", "n", 1, "me", run)])
    some_work(cursor, key.account_id, kind="task")
    claim(cursor, limit=10, margin_seconds=15)
    cursor.execute("INSERT INTO task_logs (work_id, attempt, message) VALUES (%s, 1, 'm')", (run,))
    cursor.execute(
        "INSERT INTO idempotency_keys (account_id, key, fingerprint) VALUES (%s, 'k', '')", (key.account_id,)
    )
    cursor.execute("INSERT INTO events (account_id, type, data) VALUES (%s, 't', '{}')", (key.account_id,))
    cursor.execute(
        "INSERT INTO webhooks (account_id, url, event_types, secret) VALUES (%s, 'http://127.0.0.1/', '{*}', 'sealed')",
        (key.account_id,),
    )
    cursor.execute("INSERT INTO queues (account_id, name) VALUES (%s, 'q')", (key.account_id,))
    schedule = a_schedule(cursor, checklist)
    an_occurrence(cursor, schedule.id)
    cursor.execute("INSERT INTO infinitas_tasks (schedule_id) VALUES (%s)", (schedule.id,))
    logins.add_link(cursor, key.id, "a token")
    of_nobody = {"processes", "dashboard_secret"}
    assert {table for table, count in row_counts(cursor).items() if count == before[table]} == of_nobody
    assert keys.revoke(cursor, key.account_id, key.id) is True
    assert row_counts(cursor) == before


def test_of_two_last_keys_revoked_at_once_one_closes_the_account(database: Database, cursor: Cursor) -> None:
    first = a_key(cursor)
    second = a_key(cursor, first.account_id)

    def revoke_too() -> bool:
        with database.transaction() as transaction:
            return keys.revoke(transaction.cursor, first.account_id, second.id)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as transaction:
            keys.revoke(transaction.cursor, first.account_id, first.id)
            late = pool.submit(revoke_too)
            wait_until_blocked(database)
        assert late.result(10) is True
    cursor.execute("SELECT count(*) FROM accounts WHERE id = %s", (first.account_id,))
    assert cursor.fetchall() == [(0,)]


def test_a_key_added_while_the_last_one_is_revoked_keeps_the_account(database: Database, cursor: Cursor) -> None:
    last = a_key(cursor)

    def revoke_last() -> bool:
        with database.transaction() as transaction:
            return keys.revoke(transaction.cursor, last.account_id, last.id)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as transaction:
            added = a_key(transaction.cursor, last.account_id)
            revoking = pool.submit(revoke_last)
            wait_until_blocked(database)
        assert revoking.result(10) is True
    assert keys.page(cursor, last.account_id, after=0, limit=10) == [added]
