"""Prefer: wait on what has just begun a run."""

from uuid import UUID

from api.auth import caller
from api.creating import Answer
from api.objects import run_object
from api.preferences import preferred_wait_seconds
from api.services import services
from api.store import runs
from api.store.runs import Run
from shared.store import work


def wait_for_end(created: Answer) -> Answer:
    """The finished run, if the client prefers to wait and it ends in time; else the answer as it is."""
    seconds = preferred_wait_seconds()
    if seconds is None:
        return created
    account_id, run_id = caller().account_id, UUID(created.body["id"])

    def look() -> Run | None:
        with services().database.reading() as cursor:
            run = runs.get(cursor, account_id, run_id)
        return run if run is not None and run.state in work.TERMINAL else None

    run = services().finished.wait(run_id, look, seconds)
    headers = created.headers | {"Preference-Applied": f"wait={seconds}"}
    if run is None:
        return Answer(created.body, created.status, headers)
    return Answer(run_object(run), 200, headers)
