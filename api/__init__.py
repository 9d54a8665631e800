"""The HTTP API: accepts checklists and their runs, writes them to Postgres, answers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from shared.settings import Settings


def create_app(settings: "Settings") -> "Flask":
    """The application, answering with these settings."""
    # Imported late: the process must first have made the standard library cooperate with gevent.
    from api.application import build_application

    return build_application(settings)
