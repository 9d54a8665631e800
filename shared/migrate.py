"""Bring the schema up to date: numbered plain SQL, applied by yoyo-migrations (python -m shared.migrate)."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg2
from yoyo import get_backend, read_migrations

from shared.logs import configure_logs
from shared.settings import settings_of_process

# Any number, as long as nothing else in this database uses it.
MIGRATION_LOCK = 7_246_001

TAKE_LOCK = "SELECT pg_advisory_lock(%(lock)s)"


def migrate(database_url: str) -> int:
    """Bring the database to the newest schema; how many steps that took.

    Several at once wait for each other on an advisory lock: yoyo's own lock is a row, which a killed
    process would leave behind for ever.
    """
    with closing(psycopg2.connect(database_url)) as guard, guard.cursor() as cursor:
        cursor.execute(TAKE_LOCK, {"lock": MIGRATION_LOCK})
        backend = get_backend(database_url.replace("postgres://", "postgresql://", 1))
        with closing(backend.connection):
            steps = backend.to_apply(read_migrations(str(Path(__file__).parent / "migrations")))
            backend.apply_migrations(steps)
        return len(steps)


def main() -> None:
    settings = settings_of_process()
    configure_logs("migrate", settings.log_format, settings.log_level)
    steps = migrate(settings.database_url)
    sys.stdout.write(f"migrated: {steps} new step{'' if steps == 1 else 's'}\n")


if __name__ == "__main__":
    main()
