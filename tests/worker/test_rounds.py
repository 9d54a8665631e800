"""The rounds of a worker: what is claimed, finished, kept and told of, one round at a time."""

from collections.abc import Callable, Sequence

import pytest

from shared.database import Cursor, Database
from shared.errors import DatabaseUnavailable
from shared.store.events import NewEvent
from tests import making_rounds
from tests.making_rounds import ATTEMPTS, STATES, HeldPerformer, row, runs_in_lanes, some_runs
from tests.recording_bell import RecordingBell
from worker import claiming, dispatch, holding, looking
from worker.finishing import Finishing
from worker.performer import Ended, released
from worker.places import SLOW_FOR_EACH_PLACE
from worker.rounds import Rounds

loop = making_rounds.loop
performer = making_rounds.performer
bell = making_rounds.bell
rounds_with = making_rounds.rounds_with
rounds = making_rounds.rounds


def test_a_round_claims_only_what_the_worker_has_room_for(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = some_runs(database, 5)
    assert rounds.run_once() == 2
    assert performer.holds(ids[:2])
    assert rounds.run_once() == 2, "as many as there are places may wait for them"
    assert rounds.run_once() == 0
    assert performer.holds(ids[:2])


def test_a_round_claims_of_one_lane_only_what_may_be_called_at_once(
    rounds_with: Callable[..., Rounds], performer: HeldPerformer, database: Database
) -> None:
    rounds = rounds_with(concurrency=10, calls_per_host=2)
    ids = some_runs(database)
    others = some_runs(database)
    assert rounds.run_once() == 4
    assert performer.holds(ids[:2] + others[:2])
    assert rounds.run_once() == 0


def test_what_a_performer_tells_is_recorded_with_the_finish_and_not_without(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = some_runs(database)

    def tell(cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        return [NewEvent(item.work.account_id, "run.finished", {"run_id": str(item.work.id)}) for item in ended]

    monkeypatch.setattr(performer, "record", tell)
    rounds.run_once()
    assert performer.holds(ids[:2])
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE work SET lease_token = gen_random_uuid() WHERE id = %s", (ids[0],))
    for id in ids[:2]:
        performer.end(id)
    rounds.run_once()
    with database.reading() as cursor:
        cursor.execute("SELECT data ->> 'run_id' FROM events")
        assert cursor.fetchall() == [(str(ids[1]),)]


def test_what_has_ended_is_finished_and_makes_room_in_the_same_round(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = some_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    performer.end(ids[0])
    assert rounds.run_once() == 2
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]
    assert performer.recorded == [str(ids[0])]
    assert performer.holds(ids[1:])


def test_work_that_was_canceled_meanwhile_is_not_recorded_but_counted(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = some_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE work SET state = 'canceled', lease_token = NULL, lease_expires_at = NULL, finished_at = now() "
            "WHERE id = %(id)s",
            {"id": ids[0]},
        )
    performer.end(ids[0])
    rounds.run_once()
    assert performer.recorded == []
    assert rounds.counters["leases_lost"] == 1
    assert row(database, STATES, ids[0]) == [("canceled", 1, 0)]


def test_a_result_that_postgres_refuses_fails_alone(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = some_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    performer.end(ids[0], result={"flows": "a NUL: \0"})
    performer.end(ids[1], result={"flows": []})
    rounds.run_once()
    assert row(database, STATES, ids[0]) == [("failed", 1, 0)]
    assert row(database, STATES, ids[1]) == [("succeeded", 1, 0)]
    assert row(database, ATTEMPTS, ids[0]) == [("failed",)]


def test_ended_work_is_kept_and_tried_again_when_recording_it_breaks(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = some_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    performer.end(ids[0])
    with monkeypatch.context() as broken:
        broken.setattr(performer, "record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rounds.run_once()
    assert row(database, STATES, ids[0]) == [("running", 1, 0)]
    rounds.run_once()
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]


def test_a_worker_is_calm_once_it_has_looked_and_found_nothing(rounds: Rounds) -> None:
    rounds.start()
    rounds.look()
    assert rounds.wait_until_calm(5)
    rounds.stop(grace_seconds=0)


def test_while_all_that_one_account_calls_hangs_the_single_run_of_another_begins(
    rounds_with: Callable[..., Rounds], performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "SLOW_AFTER_SECONDS", 0.01)
    rounds = rounds_with(concurrency=4)
    all_of_one = 4 * (SLOW_FOR_EACH_PLACE + 1) * 3 // 4
    runs_in_lanes(database, 200)
    rounds.start()
    rounds.look()
    assert performer.begins(all_of_one)
    assert rounds.wait_until_calm(5)
    [single] = some_runs(database, 1)
    rounds.look()
    assert performer.begins(all_of_one + 1)
    assert performer.begun[-1] == str(single)
    rounds.stop(grace_seconds=0)


def test_what_a_full_worker_cannot_begin_is_left_to_another(
    rounds_with: Callable[..., Rounds], performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "SLOW_AFTER_SECONDS", 0.01)
    monkeypatch.setattr(dispatch, "MOST_AHEAD", 1_000)
    full, idle = rounds_with(concurrency=1), rounds_with(concurrency=1)
    runs_in_lanes(database, 12)
    full.start()
    full.look()
    assert performer.begins(6)
    assert full.wait_until_calm(5)
    idle.start()
    idle.look()
    assert performer.begins(12)
    with database.reading() as cursor:
        cursor.execute("SELECT count(*), bool_and(outcome IS NULL) FROM attempts")
        assert cursor.fetchall() == [(12, True)]
    full.stop(grace_seconds=0)
    idle.stop(grace_seconds=0)


def test_a_worker_without_room_is_not_calm(rounds: Rounds, performer: HeldPerformer, database: Database) -> None:
    ids = some_runs(database, 4)
    rounds.start()
    rounds.look()
    assert performer.holds(ids[:2])
    assert not rounds.wait_until_calm(0.3)
    rounds.stop(grace_seconds=0)


def test_what_is_due_is_found_at_once_among_very_many_lanes_with_nothing_due(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LANES_AT_ONCE", 10)
    monkeypatch.setattr(claiming, "LOOKS_AT_MOST", 1)
    [id] = some_runs(database, 1)
    with database.transaction() as transaction:
        transaction.cursor.execute(LATER_IN_MANY_LANES, {"id": id})
    rounds.start()
    rounds.look()
    assert performer.holds([id])
    rounds.stop(grace_seconds=0)


LATER_IN_MANY_LANES = """
INSERT INTO work (account_id, kind, lane, max_attempts, timeout_seconds, due_at)
SELECT account_id, 'run', 'before ' || number, 3, 30, now() + interval '1 hour'
FROM work
CROSS JOIN generate_series(1, 95) AS numbers (number)
WHERE id = %(id)s
"""


def test_what_was_recorded_before_the_database_went_away_is_told_and_the_rest_kept(
    rounds: Rounds,
    performer: HeldPerformer,
    database: Database,
    bell: RecordingBell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = some_runs(database, 2)
    rounds.run_once()
    assert performer.holds(ids)
    for id in ids:
        performer.end(id)
    finish = Finishing._finish_in_one_transaction
    with monkeypatch.context() as broken:
        # The batch of two is refused, the first of them is recorded by itself, and then Postgres is away.
        breaks = iter([ValueError(), None, DatabaseUnavailable("away")])

        def break_down(finishing: Finishing, batch: Sequence[Ended]) -> set[str]:
            if (error := next(breaks)) is not None:
                raise error
            return finish(finishing, batch)

        broken.setattr(Finishing, "_finish_in_one_transaction", break_down)
        with pytest.raises(DatabaseUnavailable):
            rounds.run_once()
    assert (bell.announced, rounds.counters["finished"], rounds.counters["leases_lost"]) == ([str(ids[0])], 1, 0)
    rounds.run_once()
    assert (bell.announced, rounds.counters["finished"]) == ([str(id) for id in ids], 2)
    assert rounds.counters["leases_lost"] == 0


def test_what_is_finished_at_once_is_bounded_in_bytes(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "FINISH_BYTES", 1_000)
    batches = []
    finish = Finishing._finish_in_one_transaction

    def counted(finishing: Finishing, batch: Sequence[Ended]) -> set[str]:
        batches.append(len(batch))
        return finish(finishing, batch)

    monkeypatch.setattr(Finishing, "_finish_in_one_transaction", counted)
    ids = some_runs(database, 2)
    rounds.run_once()
    assert performer.holds(ids)
    for id in ids:
        performer.end(id, result="x" * 1_000)
    rounds.run_once()
    assert batches == [1, 1]
    assert [row(database, STATES, id) for id in ids] == [[("succeeded", 1, 0)]] * 2


def test_what_is_given_back_is_rung_for_and_not_announced(
    rounds_with: Callable[..., Rounds], performer: HeldPerformer, database: Database, bell: RecordingBell
) -> None:
    rounds = rounds_with(concurrency=2)
    ids = some_runs(database, 3)
    rounds.run_once()
    rounds.run_once()
    assert performer.holds(ids[:2])
    bell.rung.clear()
    rounds.ended(released(rounds._holding._held[str(ids[2])].work, "too late"))
    performer.end(ids[0])
    rounds._holding.finish()
    assert (bell.rung, bell.announced) == ([str(ids[2])], [str(ids[0])])
    assert row(database, STATES, ids[2]) == [("pending", 1, 1)]
