"""What the routes work with, made once for the application."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from api.waiting import Finished
from shared.database import Database
from shared.queues import Bell
from shared.seal import Seal
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    bell: Bell
    finished: Finished
    seal: Seal


def services() -> Services:
    """The services of the application that answers this request."""
    return cast(Services, current_app.extensions["roundsman"])
