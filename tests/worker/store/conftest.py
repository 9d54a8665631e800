"""A database with nothing in it for every test."""

from tests.store_fixtures import cursor, nothing_is_there

__all__ = ["cursor", "nothing_is_there"]
