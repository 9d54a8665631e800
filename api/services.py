"""What the routes work with, made once for the application."""

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from api.attendance import Attendance
from api.sockets.open_sockets import OpenSockets
from api.task_lines import TaskLines
from api.waiting import Finished
from api.waiting_places import WaitingPlaces, places_of_feeders, places_of_requests
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
    task_lines: TaskLines
    seal: Seal
    sockets: OpenSockets = field(default_factory=OpenSockets)
    waiting_requests: WaitingPlaces = field(default_factory=places_of_requests)
    waiting_feeders: WaitingPlaces = field(default_factory=places_of_feeders)
    attendance: Attendance = field(default_factory=Attendance)

    def end_waits(self) -> None:
        """Let no request wait any longer: the process is to end."""
        self.sockets.close()
        self.finished.close()
        self.task_lines.close()


def services() -> Services:
    """The services of the application that answers this request."""
    return cast(Services, current_app.extensions["roundsman"])
