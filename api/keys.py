"""Make a key from the machine itself, without HTTP: python -m api.keys create --name NAME."""

import argparse
import sys

from api.store import keys
from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.settings import settings_of_process


def create_key(database: Database, name: str) -> str:
    """Open an account and give it a key; the key's text."""
    secret = keys.new_secret()
    with database.transaction() as transaction:
        keys.add(transaction.cursor, keys.open_account(transaction.cursor), name, secret)
    return secret.text


def main() -> None:
    parser = argparse.ArgumentParser(prog="roundsman keys", description="Keys of new accounts.")
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser("create", help="open an account and print its first key")
    create.add_argument("--name", default="default", help="what the key is for")
    name = parser.parse_args().name
    if not 1 <= len(name) <= 200:
        parser.error("--name must be 1 to 200 characters")
    database = Database(settings_of_process().database_url, size=1, name="keys")
    try:
        sys.stdout.write(create_key(database, name) + "\n")
    except DatabaseUnavailable as error:
        raise SystemExit(f"roundsman: the database is out of reach: {error}") from None


if __name__ == "__main__":
    main()
