"""What a claim brings is bounded in bytes, and divided among the accounts there too."""

import pytest

from shared.database import Cursor
from tests.factories import a_job, an_account
from tests.rows import inconsistent_work
from worker.store import claims
from worker.store.claims import Share, claim


def claimed(cursor: Cursor, *shares: Share) -> list[str]:
    return [item.id for item in claim(cursor, shares, worker="test", margin_seconds=15)]


def some_jobs(cursor: Cursor, account: int, host: str, count: int = 1, *, delay_seconds: float = 0) -> list[str]:
    return [str(a_job(cursor, account, uri=f"http://{host}/", delay_seconds=delay_seconds).id) for _ in range(count)]


LARGE = """
UPDATE work
SET spec = jsonb_build_object('payload', CASE WHEN %(is_compressible)s THEN repeat('a', %(bytes)s) ELSE (
    SELECT string_agg(md5(work.id::text || number), '') FROM generate_series(1, %(bytes)s / 32) AS numbers (number)
) END)
WHERE account_id = %(account_id)s
"""


def made_large(cursor: Cursor, account: int, kilobytes: int, *, is_compressible: bool = False) -> None:
    """Let each of the account's pieces of work have a spec of this size."""
    values = {"account_id": account, "bytes": kilobytes * 1024, "is_compressible": is_compressible}
    cursor.execute(LARGE, values)


@pytest.mark.parametrize("is_compressible", [False, True])
def test_a_claim_brings_no_more_than_so_many_bytes_however_they_are_stored(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch, is_compressible: bool
) -> None:
    monkeypatch.setattr(claims, "MOST_BYTES", 1_048_576)
    account = an_account(cursor)
    ids = some_jobs(cursor, account, "a", 10)
    made_large(cursor, account, 300, is_compressible=is_compressible)
    batch = claim(cursor, [Share(account, "a", 10)], worker="test", margin_seconds=15)
    assert [item.id for item in batch] == ids[: len(batch)], "the oldest"
    size = sum(len(item.payload or "") for item in batch)
    assert 300 * 1024 < size < 1_048_576 + 2 * 300 * 1024
    assert inconsistent_work(cursor) == []
    assert len(claimed(cursor, Share(account, "a", 10))) > 0, "what was left is claimed next"


def test_a_single_piece_is_claimed_whatever_its_size(cursor: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "MOST_BYTES", 1_000)
    account = an_account(cursor)
    ids = some_jobs(cursor, account, "a", 2)
    made_large(cursor, account, 300)
    assert claimed(cursor, Share(account, "a", 2)) == ids[:1]
    assert claimed(cursor, Share(account, "a", 2)) == ids[1:]


def test_large_work_of_one_account_leaves_bytes_for_that_of_another(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MOST_BYTES", 1_048_576)
    first, second = an_account(cursor), an_account(cursor)
    some_jobs(cursor, first, "a", 20)
    made_large(cursor, first, 300)
    [later] = some_jobs(cursor, second, "b")
    assert later in claimed(cursor, Share(first, "a", 20), Share(second, "b", 1))
