"""A scheduler process; several may run side by side."""

import signal

import structlog

from scheduler import due
from scheduler.loop import Loop
from scheduler.wake_up import WakeUp
from shared.database import Database
from shared.logs import configure_logs
from shared.queues import Bell
from shared.settings import settings_of_process

log = structlog.get_logger(__name__)


def main() -> None:
    settings = settings_of_process()
    configure_logs("scheduler", settings.log_format, settings.log_level)
    wake_up = WakeUp(settings.database_url)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: wake_up.stop())
    database = Database(settings.database_url, size=due.HANDS, name="scheduler")
    loop = Loop(
        database,
        Bell(settings.redis_url),
        wake_up,
        sweep_seconds=settings.sweep_seconds,
        delivery_attempts=settings.delivery_attempts,
        queue_unattended_seconds=settings.queue_unattended_seconds,
    )
    log.info("scheduler_started")
    loop.run()
    wake_up.close()
    database.close()
    log.info("scheduler_stopped", **loop.counters)


if __name__ == "__main__":
    main()
