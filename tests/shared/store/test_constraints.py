"""What the database itself refuses, whoever asks: every named constraint, and references between accounts."""

import re

import psycopg2
import pytest

from shared.database import Cursor, Database

NAMED = """
SELECT conname
FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
WHERE pg_class.relnamespace = 'public'::regnamespace
  AND relname !~ 'yoyo'
  AND contype IN ('c', 'u', 'f')
  AND conname !~ '_(account_id|work_id)_fkey$'
"""

# What ends in 1 belongs to the first account, what ends in 2 to the second; the ids are out of the sequences' reach.
TWO_ACCOUNTS = """
INSERT INTO accounts (id) OVERRIDING SYSTEM VALUE VALUES (1), (2);
INSERT INTO api_keys (account_id, name, prefix, secret_sha256) VALUES (1, 'n', 'rk_1', sha256('1'));
INSERT INTO checklists (id, account_id, name, queue, timeout_seconds, first_value) OVERRIDING SYSTEM VALUE
VALUES (901, 1, 'n', 'q', 60, 'accept'), (902, 2, 'n', 'q', 60, 'accept');
INSERT INTO schedules (id, account_id, name, cron, kind) OVERRIDING SYSTEM VALUE
VALUES (901, 1, 'n', '* * * * *', 'job'), (902, 2, 'n', '* * * * *', 'job');
INSERT INTO webhooks (id, account_id, url, event_types, secret) OVERRIDING SYSTEM VALUE
VALUES (901, 1, 'http://127.0.0.1/', '{*}', 'sealed'), (902, 2, 'http://127.0.0.1/', '{*}', 'sealed');
INSERT INTO events (id, account_id, type, data)
VALUES ('00000000-0000-0000-0000-000000000001', 1, 'run.started', '{}'),
       ('00000000-0000-0000-0000-000000000002', 2, 'run.started', '{}');
INSERT INTO work (id, account_id, kind, event_id, webhook_id, schedule_id, scheduled_for, max_attempts, timeout_seconds)
VALUES ('00000000-0000-0000-0000-000000000001', 1, 'delivery', '00000000-0000-0000-0000-000000000001', 901,
        901, '2026-01-01', 4, 30);
INSERT INTO work (id, account_id, kind, queue, dedup_key, run_id, max_attempts)
VALUES ('00000000-0000-0000-0000-000000000003', 1, 'task', 'q', 'k', '00000000-0000-0000-0000-000000000001', 4);
"""


def api_key(**columns: str) -> str:
    values = {"account_id": "1", "name": "'n'", "prefix": "'rk_2'", "secret_sha256": "sha256('2')"}
    return insert("api_keys", values | columns)


def checklist(**columns: str) -> str:
    values = {"account_id": "1", "name": "'m'", "queue": "'q'", "timeout_seconds": "60", "first_value": "'accept'"}
    return insert("checklists", values | columns)


def snapshot(**columns: str) -> str:
    values = {"account_id": "1", "checklist_id": "901", "flow": "'f'", "name": "'n'", "value": "'1'"}
    return insert("snapshots", values | {"observed_at": "now()", "accepted_by": "'me'"} | columns)


def schedule(**columns: str) -> str:
    values = {"account_id": "1", "name": "'m'", "cron": "'* * * * *'", "kind": "'job'"}
    return insert("schedules", values | columns)


def occurrence(**columns: str) -> str:
    values = {"schedule_id": "901", "scheduled_for": "'2026-01-02'", "outcome": "'fired'"}
    return insert("occurrences", values | columns)


def webhook(**columns: str) -> str:
    values = {"account_id": "1", "url": "'http://127.0.0.1/'", "event_types": "'{*}'", "secret": "'sealed'"}
    return insert("webhooks", values | columns)


def work(**columns: str) -> str:
    values = {"account_id": "1", "kind": "'job'", "max_attempts": "4", "timeout_seconds": "30"}
    return insert("work", values | columns)


def task(**columns: str) -> str:
    return insert("work", {"account_id": "1", "kind": "'task'", "queue": "'q'", "max_attempts": "4"} | columns)


def queue(**columns: str) -> str:
    return insert("queues", {"account_id": "1", "name": "'q'"} | columns)


def attempt(**columns: str) -> str:
    return insert("attempts", {"work_id": id(1), "number": "1", "worker": "'w'", "started_at": "now()"} | columns)


def id(number: int) -> str:
    return f"'00000000-0000-0000-0000-{number:012}'"


def insert(table: str, values: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"  # noqa: S608 (a test's own words)


LEASED = {"lease_token": "gen_random_uuid()", "lease_expires_at": "now()"}

REFUSED = {
    "api_keys_prefix_unique": [api_key(prefix="'rk_1'")],
    "api_keys_name_length": [api_key(name="''"), api_key(name="repeat('x', 201)")],
    "api_keys_hash_is_sha256": [api_key(secret_sha256="'short'")],
    "idempotency_keys_length": [
        insert("idempotency_keys", {"account_id": "1", "key": key, "fingerprint": "''"})
        for key in ("''", "repeat('x', 256)")
    ],
    "processes_kind_known": [
        insert("processes", {"id": "gen_random_uuid()", "kind": "'api'", "host": "'h'", "pid": "1"})
    ],
    "checklists_name_unique": [checklist(name="'n'")],
    "checklists_account_unique": [checklist(id="901") + " OVERRIDING"],
    "checklists_one_source": [checklist(worker_url="'http://127.0.0.1/'"), checklist(queue="NULL")],
    "checklists_timeout_range": [checklist(timeout_seconds="0"), checklist(timeout_seconds="901")],
    "checklists_first_value_known": [checklist(first_value="'maybe'")],
    "snapshots_checklist": [snapshot(checklist_id="902"), snapshot(account_id="2")],
    "schedules_name_unique": [schedule(name="'n'")],
    "schedules_account_unique": [schedule(id="901") + " OVERRIDING"],
    "schedules_one_when": [schedule(interval_seconds="5"), schedule(cron="NULL")],
    "schedules_interval_positive": [schedule(cron="NULL", interval_seconds="0")],
    "schedules_recurring_known": [schedule(cron="NULL", minute="1", recurring="'yearly'")],
    "schedules_recurring_with_minute": [schedule(recurring="'daily'"), schedule(cron="NULL", minute="1")],
    "schedules_kind_known": [schedule(kind="'delivery'")],
    "schedules_checklist_for_runs": [schedule(kind="'run'"), schedule(checklist_id="901")],
    "schedules_bounds_in_order": [schedule(starts_at="now()", ends_at="now() - interval '1 second'")],
    "schedules_max_occurrences_positive": [schedule(max_occurrences="0")],
    "schedules_jitter_not_negative": [schedule(jitter_seconds="-1")],
    "schedules_window_not_negative": [schedule(catchup_window_seconds="-1")],
    "schedules_overlap_known": [schedule(overlap="'wait'")],
    "schedules_coalesce_known": [schedule(coalesce="'none'")],
    "schedules_state_known": [schedule(state="'asleep'")],
    "occurrences_schedule": [occurrence(schedule_id="9")],
    "occurrences_outcome_known": [occurrence(outcome="'lost'")],
    "occurrences_reason_unless_fired": [occurrence(reason="'why'"), occurrence(outcome="'missed'")],
    "dashboard_secret_only_one": [insert("dashboard_secret", {"only_one": "false"})],
    "login_links_key": [insert("login_links", {"token_sha256": "'t'", "key_id": "9", "expires_at": "now()"})],
    "infinitas_tasks_schedule": [insert("infinitas_tasks", {"schedule_id": "9"})],
    "infinitas_tasks_timeout_positive": [insert("infinitas_tasks", {"schedule_id": "901", "timeout_ms": "0"})],
    "schedules_checklist": [schedule(kind="'run'", checklist_id="902")],
    "webhooks_account_unique": [webhook(id="901") + " OVERRIDING"],
    "webhooks_some_event_type": [webhook(event_types="'{}'")],
    "webhooks_previous_secret_ends": [webhook(previous_secret="'s'"), webhook(previous_secret_until="now()")],
    "webhooks_disabled_with_time": [webhook(enabled="false"), webhook(disabled_at="now()")],
    "events_account_unique": [insert("events", {"id": id(1), "account_id": "1", "type": "'t'", "data": "'{}'"})],
    "work_once_per_instant": [work(schedule_id="901", scheduled_for="'2026-01-01'")],
    "work_once_per_event_and_webhook": [work(kind="'delivery'", event_id=id(1), webhook_id="901")],
    "work_once_per_failed_job": [f"{work(error_of=id(1))}; {work(error_of=id(1))}"],
    "work_error_of_fkey": [work(error_of=id(9))],
    "work_pending_has_an_attempt_left": [work(attempt="4")],
    "work_kind_known": [work(kind="'chore'")],
    "work_state_known": [work(state="'done'", finished_at="now()")],
    "work_trigger_known": [work(trigger="'chance'")],
    "work_run_outcome_known": [work(kind="'run'", outcome="'fine'")],
    "work_lease_while_running": [
        work(state="'running'"),
        work(**LEASED),
        work(state="'running'", lease_token="gen_random_uuid()"),
        work(state="'running'", lease_expires_at="now()"),
    ],
    "work_finished_when_terminal": [work(state="'succeeded'"), work(finished_at="now()")],
    "work_attempts_bounded": [work(attempt="5"), work(attempt="-1"), work(attempt="6", released="1")],
    "work_timeout_range": [work(timeout_seconds="0"), work(timeout_seconds="43201")],
    "work_queue_for_tasks": [work(kind="'task'")],
    "work_event_for_deliveries": [work(kind="'delivery'")],
    "webhooks_format_known": [webhook(format="'another'")],
    "snapshots_text_unless_json": [snapshot(is_json="false")],
    "queues_name_length": [queue(name="''"), queue(name="repeat('x', 101)")],
    "queues_unattended_after_range": [queue(unattended_after_seconds=value) for value in ("0", "31536001")],
    "queues_pkey": [f"{queue()}; {queue()}"],
    "work_timeout_unless_task": [work(timeout_seconds="NULL")],
    "work_once_per_dedup_key": [
        task(dedup_key="'k'"),
        task(dedup_key="'k'", state="'running'", **LEASED),
    ],
    "work_run_id_fkey": [task(run_id=id(9))],
    "work_once_per_run": [task(run_id=id(1))],
    "work_checklist": [work(kind="'run'", checklist_id="902"), work(kind="'run'", checklist_id="9")],
    "work_schedule": [work(schedule_id="902")],
    "work_webhook": [work(webhook_id="902")],
    "work_event": [work(kind="'delivery'", event_id=id(2))],
    "attempts_number_positive": [attempt(number="0")],
    "attempts_outcome_known": [attempt(outcome="'fine'", finished_at="now()")],
    "attempts_closed_with_outcome": [attempt(outcome="'failed'"), attempt(finished_at="now()")],
}
# Behind the primary key of the same column: it is there for the composite foreign keys to refer to.
SHADOWED = re.compile("(.+)_account_unique")


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [(name, statement) for name, statements in REFUSED.items() for statement in statements],
)
def test_the_database_refuses_by_name(database: Database, constraint: str, statement: str) -> None:
    if statement.endswith(" OVERRIDING"):
        statement = statement.removesuffix(" OVERRIDING").replace(" VALUES ", " OVERRIDING SYSTEM VALUE VALUES ", 1)
    with pytest.raises(psycopg2.IntegrityError) as refusal, database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.cursor.execute(TWO_ACCOUNTS)
        transaction.cursor.execute(statement)
    shadow = SHADOWED.fullmatch(constraint)
    assert refusal.value.diag.constraint_name in {constraint, f"{shadow[1]}_pkey" if shadow else constraint}


def test_rows_that_break_no_constraint_are_taken(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute(TWO_ACCOUNTS)
        for statement in (
            *(api_key(), checklist(), snapshot(), schedule(), webhook(), work(), attempt(), queue()),
            *(task(), task(dedup_key="'another'"), task(dedup_key="'k'", queue="'another'")),
            *(task(dedup_key="'k'", account_id="2"), task(dedup_key="'k'", state="'failed'", finished_at="now()")),
        ):
            transaction.cursor.execute(statement)


def test_every_named_constraint_has_a_case_here(cursor: Cursor) -> None:
    cursor.execute(NAMED)
    assert {name for (name,) in cursor.fetchall()} - set(REFUSED) == set()


def test_one_value_per_check_is_in_force(database: Database) -> None:
    with pytest.raises(psycopg2.IntegrityError) as refusal, database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.cursor.execute(TWO_ACCOUNTS)
        transaction.cursor.execute(snapshot(superseded_at="now()"))
        transaction.cursor.execute(snapshot())
        transaction.cursor.execute(snapshot())
    assert refusal.value.diag.constraint_name == "snapshots_in_force"


def test_ids_of_work_are_uuids_of_version_7_in_order_of_time(cursor: Cursor) -> None:
    cursor.execute("SELECT uuid_v7() FROM generate_series(1, 200)")
    ids = [row[0] for row in cursor.fetchall()]
    assert {(id.version, id.variant) for id in ids} == {(7, "specified in RFC 4122")}
    assert [id.int >> 80 for id in ids] == sorted(id.int >> 80 for id in ids)
    assert len(set(ids)) == 200
