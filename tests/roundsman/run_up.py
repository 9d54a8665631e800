"""`roundsman up` with the fake programs: python run_up.py PORT DATA_DIR [WORKERS]."""

import sys
from pathlib import Path

from roundsman.local.options import Commands, UpOptions
from roundsman.up import up

FAKE = Path(__file__).with_name("fake_service.py")


def fake(role: str) -> tuple[str, ...]:
    return (sys.executable, str(FAKE), role)


if __name__ == "__main__":
    commands = Commands(
        migrate=fake("migrate"),
        create_key=fake("create-key"),
        api=fake("api"),
        scheduler=fake("scheduler"),
        worker=fake("worker"),
    )
    workers = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    options = UpOptions(port=int(sys.argv[1]), data_dir=Path(sys.argv[2]), workers=workers)
    sys.exit(up(options, commands=commands))
