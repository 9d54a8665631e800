"""Runs, checklists and snapshots as the lists of the dashboard read them: bounded, and of their owner alone."""

from psycopg2.extras import Json

from api.store import dashboard_checklists, dashboard_runs
from shared.database import Cursor, Database
from shared.store import snapshots
from shared.store.snapshots import NewSnapshot
from tests.factories import a_checklist, a_run, a_schedule, an_account, some_work


def test_the_last_runs_of_checklists_are_bounded_newest_first_and_their_owners(cursor: Cursor) -> None:
    mine = a_checklist(cursor)
    never_run, theirs = a_checklist(cursor, mine.account_id), a_checklist(cursor)
    made = sorted((a_run(cursor, mine) for _ in range(4)), reverse=True)
    a_run(cursor, theirs)
    asked = [mine.id, never_run.id, theirs.id, 999_999]
    found = dashboard_runs.latest(cursor, mine.account_id, asked, each=3)
    assert {id: [run.id for run in runs] for id, runs in found.items()} == {
        mine.id: made[:3],
        never_run.id: [],
        theirs.id: [],
        999_999: [],
    }
    assert dashboard_runs.latest(cursor, mine.account_id, [], each=3) == {}


def test_a_listed_run_has_its_numbers_and_names(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor, name="shop")
    schedule = a_schedule(cursor, checklist, name="nightly")
    id = a_run(cursor, checklist)
    summary = {"match": 3, "miss": 2, "new": 1, "obsolete": 0}
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE work SET state = 'succeeded', outcome = 'changed', result = %s, schedule_id = %s,"
            " started_at = now() - interval '2 s', finished_at = now() - interval '500 ms' WHERE id = %s",
            (Json({"summary": summary, "flows": []}), schedule.id, id),
        )
    [run] = dashboard_runs.page(cursor, checklist.account_id, before=None, limit=10)
    assert (run.checklist_name, run.schedule_name, run.word) == ("shop", "nightly", "changed")
    assert (run.match, run.miss, run.new, run.seconds) == (3, 2, 1, 1.5)
    assert dashboard_runs.page(cursor, an_account(cursor), before=None, limit=10) == []


def test_runs_are_found_past_any_number_of_newer_tasks_by_the_index_of_their_account(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    a_run(cursor, checklist)
    some_work(cursor, checklist.account_id, kind="task", count=5_000)
    cursor.execute("ANALYZE work")
    query = {"account_id": checklist.account_id, "before": None, "limit": 51}
    no_filters = dict.fromkeys(("checklist_id", "schedule_id", "state", "outcome"))
    cursor.execute("EXPLAIN " + dashboard_runs.LIST, query | no_filters)
    plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "work_of_account" in plan
    assert "work_pkey" not in plan


def test_snapshots_come_by_flow_and_check_and_large_values_stay_behind(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    values = {("b", "x"): 1, ("a", "z"): 2, ("a", "y"): [f"{number * 7_919:x}" for number in range(5_000)]}
    snapshots.put(
        cursor,
        [
            NewSnapshot(checklist.account_id, checklist.id, flow, name, value, "ada", None)
            for (flow, name), value in values.items()
        ],
    )

    def page(account_id: int, after: int, limit: int) -> list[dashboard_checklists.ListedSnapshot]:
        return dashboard_checklists.snapshots(
            cursor, account_id, checklist.id, after=after, limit=limit, most_bytes=10_000
        )

    first = page(checklist.account_id, 0, 2)
    second = page(checklist.account_id, first[-1].id, 2)
    assert [(row.flow, row.name) for row in first + second] == sorted(values)
    assert [(row.is_large, row.value) for row in first + second] == [(True, None), (False, 2), (False, 1)]
    assert page(an_account(cursor), 0, 2) == []


def test_checklists_are_found_by_a_part_of_their_name_and_their_owner(cursor: Cursor) -> None:
    mine = a_checklist(cursor, name="Shop 100%")
    a_checklist(cursor, mine.account_id, name="stock", worker_url=None, queue="q")
    a_checklist(cursor, name="shop of others")

    def names(name_part: str | None) -> list[str]:
        found = dashboard_checklists.page(cursor, mine.account_id, after=0, limit=10, name_part=name_part)
        return [row.name for row in found]

    assert names(None) == ["Shop 100%", "stock"]
    assert names("SHOP") == names("0%") == ["Shop 100%"]
    assert names("_") == []
