"""Whether the whole service can do its work."""

from typing import Any

from api.services import services
from shared.errors import DatabaseUnavailable
from shared.store import processes


def readiness() -> dict[str, Any]:
    """The state of all that the service needs; `status` is ok when nothing is missing."""
    try:
        with services().database.reading() as cursor:
            alive = processes.alive(cursor)
        postgres = "ok"
    except DatabaseUnavailable:
        alive, postgres = [], "unavailable"
    state = {
        "postgres": postgres,
        "redis": "ok" if services().bell.answers() else "unavailable",
        "schedulers": sum(process.kind == "scheduler" for process in alive),
        "workers": sum(process.kind == "worker" for process in alive),
    }
    complete = state["postgres"] == state["redis"] == "ok" and state["schedulers"] and state["workers"]
    return {"status": "ok" if complete else "unavailable", **state}
