"""Which lanes wait, and leases on what is due in them; by several workers at once, and among very many rows."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from shared.array import array
from shared.database import Cursor, Database, only_row
from tests.claiming import all_waiting_lanes
from tests.factories import a_checklist, a_delivery, a_job, a_run, a_webhook, an_account, some_work
from tests.rows import inconsistent_work
from worker.store import claims
from worker.store.claims import Lane, Share, claim, waiting_accounts, waiting_lanes


def claimed(cursor: Cursor, *shares: Share) -> list[str]:
    return [item.id for item in claim(cursor, shares, worker="test", margin_seconds=15)]


def some_jobs(cursor: Cursor, account: int, host: str, count: int = 1, *, delay_seconds: float = 0) -> list[str]:
    return [str(a_job(cursor, account, uri=f"http://{host}/", delay_seconds=delay_seconds).id) for _ in range(count)]


def test_no_lane_waits_when_nothing_is_pending(cursor: Cursor) -> None:
    assert all_waiting_lanes(cursor) == []


def test_each_lane_with_pending_work_is_told_once_by_account_and_name(cursor: Cursor) -> None:
    first, second = an_account(cursor), an_account(cursor)
    some_jobs(cursor, second, "a", 3)
    some_jobs(cursor, first, "b", 2)
    some_jobs(cursor, first, "a")
    assert all_waiting_lanes(cursor) == [Lane(first, "a", True), Lane(first, "b", True), Lane(second, "a", True)]


def test_a_lane_is_due_when_its_earliest_piece_is(cursor: Cursor) -> None:
    account = an_account(cursor)
    some_jobs(cursor, account, "later", delay_seconds=60)
    some_jobs(cursor, account, "now", delay_seconds=60)
    some_jobs(cursor, account, "now")
    assert all_waiting_lanes(cursor) == [Lane(account, "later", False), Lane(account, "now", True)]
    in_time = datetime.now(UTC) + timedelta(seconds=61)
    assert [lane.is_due for lane in all_waiting_lanes(cursor, now=in_time)] == [True, True]


def test_accounts_are_told_from_behind_one_on_and_only_so_many(cursor: Cursor) -> None:
    accounts = [an_account(cursor) for _ in range(4)]
    for account in accounts[:3]:
        some_jobs(cursor, account, "a", 2)
    some_work(cursor, accounts[3], kind="task")
    assert waiting_accounts(cursor, limit=10) == accounts[:3]
    assert waiting_accounts(cursor, limit=2) == accounts[:2]
    assert waiting_accounts(cursor, limit=2, after=accounts[1]) == accounts[2:3]
    assert waiting_accounts(cursor, limit=2, after=accounts[2]) == []


def test_lanes_are_told_from_behind_one_on(cursor: Cursor) -> None:
    first, second = an_account(cursor), an_account(cursor)
    for account in (first, second):
        for host in ("a", "b", "c"):
            some_jobs(cursor, account, host)
    behind = waiting_lanes(cursor, {first: "b", second: None}, limit=10)
    assert [(lane.account_id == first, lane.name) for lane in behind] == [
        (True, "c"),
        (False, "a"),
        (False, "b"),
        (False, "c"),
    ]
    assert waiting_lanes(cursor, {second: "c"}, limit=4) == []
    gone = waiting_lanes(cursor, {first: "bb"}, limit=4)
    assert [lane.name for lane in gone] == ["c"], "also from behind a lane that is no longer there"
    assert waiting_lanes(cursor, {}, limit=4) == []


def test_work_without_the_name_of_a_lane_is_in_one_too(cursor: Cursor) -> None:
    account = an_account(cursor)
    some_work(cursor, account)
    assert waiting_lanes(cursor, {account: None}, limit=4) == [Lane(account, "", True)]
    assert waiting_lanes(cursor, {account: ""}, limit=4) == []


def test_when_there_are_more_lanes_than_are_asked_for_each_account_gets_the_same_number(cursor: Cursor) -> None:
    many, few, other = (an_account(cursor) for _ in range(3))
    for number in range(9):
        some_jobs(cursor, many, f"host {number}")
        some_jobs(cursor, other, f"host {number}")
    some_jobs(cursor, few, "single")
    told = waiting_lanes(cursor, dict.fromkeys((many, few, other)), limit=10)
    counts = Counter(lane.account_id for lane in told)
    assert (counts[few], sorted((counts[many], counts[other]))) == (1, [4, 5])
    assert [lane.name for lane in told if lane.account_id == many][:4] == [f"host {number}" for number in range(4)]


def test_tasks_and_what_is_no_longer_pending_are_in_no_lane(cursor: Cursor) -> None:
    account = an_account(cursor)
    some_work(cursor, account, kind="task")
    some_jobs(cursor, account, "a")
    assert len(claimed(cursor, Share(account, "a", 1))) == 1
    assert all_waiting_lanes(cursor) == []


def test_runs_of_a_checklist_and_calls_to_a_host_whatever_their_kind_are_a_lane(cursor: Cursor) -> None:
    account = an_account(cursor)
    checklist = a_checklist(cursor, account)
    a_run(cursor, checklist)
    a_delivery(cursor, a_webhook(cursor, account, url="http://HOOKS.example:8080/in"))
    a_job(cursor, account, uri="http://hooks.example:8080?x=1")
    lanes = [lane.name for lane in all_waiting_lanes(cursor)]
    assert lanes == [f"checklist {checklist.id}", "hooks.example:8080"]


def test_a_claim_takes_of_each_lane_its_share_the_oldest_first(cursor: Cursor) -> None:
    account = an_account(cursor)
    a, b = some_jobs(cursor, account, "a", 3), some_jobs(cursor, account, "b", 3)
    some_jobs(cursor, account, "c", 3)
    cursor.execute("UPDATE work SET due_at = due_at - interval '1 hour' WHERE id = %s", (a[2],))
    assert set(claimed(cursor, Share(account, "a", 2), Share(account, "b", 1))) == {a[2], a[0], b[0]}


def test_a_share_is_of_one_account_even_when_others_call_the_same_host(cursor: Cursor) -> None:
    first, second = an_account(cursor), an_account(cursor)
    ours, theirs = some_jobs(cursor, first, "a", 2), some_jobs(cursor, second, "a", 2)
    assert claimed(cursor, Share(first, "a", 10)) == ours
    assert claimed(cursor, Share(second, "a", 1)) == theirs[:1]


def test_what_is_not_due_is_not_claimed_however_large_the_share(cursor: Cursor) -> None:
    account = an_account(cursor)
    [due] = some_jobs(cursor, account, "a")
    some_jobs(cursor, account, "a", delay_seconds=60)
    assert claimed(cursor, Share(account, "a", 10)) == [due]


def test_a_claim_without_shares_claims_nothing(cursor: Cursor) -> None:
    some_jobs(cursor, an_account(cursor), "a")
    assert claimed(cursor) == []


def test_what_is_claimed_tells_all_that_its_performer_needs(cursor: Cursor) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account)
    delivery = a_delivery(cursor, webhook, inert=True)
    [item] = claim(cursor, [Share(account, "127.0.0.1:9", 5)], worker="test", margin_seconds=15)
    assert (item.id, item.kind, item.lane, item.webhook_id) == (str(delivery), "delivery", "127.0.0.1:9", webhook.id)
    assert (item.inert, item.event_id is not None, item.attempt, item.released) == (True, True, 1, 0)
    cursor.execute("SELECT worker, number FROM attempts WHERE work_id = %s", (delivery,))
    assert cursor.fetchall() == [("test", 1)]


def test_two_workers_in_the_same_lane_at_once_both_get_their_whole_share(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    ids = some_jobs(cursor, account, "a", 10)
    with database.transaction() as one:
        first = claimed(one.cursor, Share(account, "a", 4))
        with database.transaction() as other:
            second = claimed(other.cursor, Share(account, "a", 4))
    assert (first, second) == (ids[:4], ids[4:8])


def test_workers_that_claim_from_the_same_lanes_never_take_more_than_their_shares(
    database: Database, cursor: Cursor
) -> None:
    account = an_account(cursor)
    ids = {host: set(some_jobs(cursor, account, host, 60)) for host in ("a", "b")}
    shares = [Share(account, "a", 3), Share(account, "b", 5)]
    together = Barrier(4)

    def claim_five_times(name: str) -> list[str]:
        together.wait(5)
        taken = []
        for _ in range(5):
            with database.transaction() as transaction:
                batch = claim(transaction.cursor, shares, worker=name, margin_seconds=15)
            of_lanes = Counter(item.lane for item in batch)
            assert of_lanes["a"] <= 3
            assert of_lanes["b"] <= 5
            taken += [item.id for item in batch]
        return taken

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(claim_five_times, f"worker {number}") for number in range(4)]
        got = [id for future in futures for id in future.result(15)]
    assert len(got) == len(set(got))
    assert ids["a"] <= set(got), "four times five times three are all of them"
    assert inconsistent_work(cursor) == []


MANY = """
INSERT INTO work (account_id, kind, lane, max_attempts, timeout_seconds, due_at)
SELECT %(account_id)s, 'job', 'host ' || number %% 200, 4, 30, now() + make_interval(mins => number %% 100 - 50)
FROM generate_series(1, 50000) AS numbers (number)
"""


@pytest.fixture
def account_of_many(cursor: Cursor) -> int:
    account = an_account(cursor)
    cursor.execute(MANY, {"account_id": account})
    cursor.execute("ANALYZE work")
    return account


def nodes(plan: Any) -> list[dict[str, Any]]:
    """Every node of a plan, itself included."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def explained(cursor: Cursor, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    cursor.execute("EXPLAIN (FORMAT JSON) " + statement, values)
    return nodes(only_row(cursor)[0][0]["Plan"])


def test_among_fifty_thousand_rows_lanes_and_claims_are_found_by_the_index(
    cursor: Cursor, account_of_many: int
) -> None:
    looking = {"account_ids": array([account_of_many]), "after_lanes": array([None]), "limit": 500, "now": None}
    claiming = {
        "account_ids": array([account_of_many] * 200),
        "lanes": array(f"host {number}" for number in range(200)),
        "most": array([2] * 200),
        "worker": "test",
        "margin_seconds": 15,
        "most_bytes": claims.MOST_BYTES,
        "usual_most_bytes": claims.USUAL_MOST_BYTES,
        "now": None,
    }
    for statement, values in (
        (claims.WAITING_ACCOUNTS, {"after": 0, "limit": 500}),
        (claims.WAITING_LANES, looking),
        (claims.CLAIM, claiming),
    ):
        plan = explained(cursor, statement, values)
        assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
        assert "work_due" in {node.get("Index Name") for node in plan}
        assert not any(node["Node Type"] == "Sort" and node["Plan Rows"] > 10_000 for node in plan)


def test_among_fifty_thousand_rows_each_lane_is_told_and_its_share_taken(cursor: Cursor, account_of_many: int) -> None:
    lanes = all_waiting_lanes(cursor)
    assert (len(lanes), sum(lane.is_due for lane in lanes)) == (200, 102)
    batch = claim(cursor, [Share(lane.account_id, lane.name, 3) for lane in lanes], worker="test", margin_seconds=15)
    assert set(Counter(item.lane for item in batch).values()) == {3}
    assert len(batch) == 3 * 102
