"""Workers: which processes are alive, what they have done, and what is done at this moment."""

from collections.abc import Mapping

from flask import g, render_template

from api.dashboard.blueprint import shows
from api.dashboard.filters import number
from api.readiness import readiness
from api.services import services
from api.store import dashboard_workers
from shared.store import processes

# Counters that are told first and in words of their own; what else a process counts follows by its name.
WORDS = {"claimed": "claimed", "finished": "finished", "schedules_fired": "schedules fired", "rung": "rings"}
MOST_RUNNING, MOST_QUEUES = 100, 50


@shows("/workers")
def workers() -> str:
    state = readiness()
    account_id = g.key.account_id
    with services().database.reading() as cursor:
        alive = processes.alive(cursor)
        running = dashboard_workers.running(cursor, account_id, limit=MOST_RUNNING + 1)
        popped = dashboard_workers.popped_lately(cursor, account_id, limit=MOST_QUEUES)
    return render_template(
        "ui/workers.html",
        place="workers",
        state=state,
        rings=services().bell.rings_waiting(),
        alive=[(process, in_words(process.counters)) for process in alive],
        absent=[kind for kind in ("scheduler", "worker") if not state[f"{kind}s"]],
        running=running[:MOST_RUNNING],
        has_more=len(running) > MOST_RUNNING,
        popped=popped,
    )


def in_words(counters: Mapping[str, int]) -> list[str]:
    """What a process has counted, as people say it; what it never did is left out.

    >>> in_words({"finished": 1_200, "in_hand": 3, "capacity": 200, "leases_lost": 2, "canceled": 0})
    ['3 of 200 in hand', '1,200 finished', '2 leases lost']
    """
    in_hand = []
    if "capacity" in counters:
        in_hand = [f"{number(counters.get('in_hand', 0))} of {number(counters['capacity'])} in hand"]
    others = [name for name in counters if name not in (*WORDS, "in_hand", "capacity")]
    names = {name: WORDS.get(name, name.replace("_", " ")) for name in (*WORDS, *others)}
    return in_hand + [f"{number(counters[name])} {words}" for name, words in names.items() if counters.get(name)]
