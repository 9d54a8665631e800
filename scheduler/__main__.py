"""A scheduler process; several may run side by side."""

import signal
from functools import partial

import structlog

from scheduler import due, retention, sweep, unattended
from scheduler.chores import Chore, Done
from scheduler.loop import Loop
from scheduler.wake_up import WakeUp
from shared.database import Database
from shared.logs import configure_logs
from shared.queues import Bell
from shared.settings import Settings, settings_of_process

log = structlog.get_logger(__name__)

CHORES_AT_DATABASE = 2  # each may hold a connection while the loop's hands hold theirs


def make_chores(
    settings: Settings, database: Database, pruned: Database, bell: Bell, *, prune_every_seconds: float
) -> list[Chore]:
    """What is done beside the loop, each by its own connection."""
    watch = partial(
        unattended.watch_queues,
        database,
        bell,
        after_seconds=settings.queue_unattended_seconds,
        delivery_attempts=settings.delivery_attempts,
    )
    end_runs = partial(sweep.end_overdue_runs, database, bell, delivery_attempts=settings.delivery_attempts)
    prune = partial(retention.prune_in_turn, pruned, days=settings.retention_days)
    return [
        Chore(
            "queues_told_of",
            lambda: Done(watch()),
            every_seconds=min(unattended.LOOK_SECONDS, settings.queue_unattended_seconds),
        ),
        Chore("runs_overdue", end_runs, every_seconds=settings.sweep_seconds),
        Chore("rows_pruned", prune, every_seconds=prune_every_seconds),
    ]


def main() -> None:
    settings = settings_of_process()
    configure_logs("scheduler", settings.log_format, settings.log_level)
    wake_up = WakeUp(settings.database_url)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: wake_up.stop())
    database = Database(settings.database_url, size=due.HANDS + CHORES_AT_DATABASE, name="scheduler")
    pruned = retention.connect(settings)
    bell = Bell(settings.redis_url)
    loop = Loop(
        database,
        bell,
        wake_up,
        sweep_seconds=settings.sweep_seconds,
        delivery_attempts=settings.delivery_attempts,
        chores=make_chores(settings, database, pruned, bell, prune_every_seconds=retention.EVERY_SECONDS),
    )
    log.info("scheduler_started")
    loop.run()
    wake_up.close()
    pruned.close()
    database.close()
    log.info("scheduler_stopped", **loop.counters)


if __name__ == "__main__":
    main()
