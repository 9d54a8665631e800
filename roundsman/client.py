"""The Python client: `Client` has a member for each kind of object.

    with Client("http://127.0.0.1:8080", api_key) as client:
        checklist = client.checklists.create({"name": "to-do API", "flows": [...]})
        run = client.runs.start(checklist["id"], wait_seconds=30)
        if run["outcome"] == "changed":
            client.runs.accept(run["id"])
        client.jobs.create({"uri": "https://example.com/remind", "delay_seconds": 3600, "payload": {"who": "ada"}})
        webhook = client.webhooks.create({"url": "https://example.com/told", "event_types": ["run.finished"]})

What came to a webhook is verified by `roundsman.webhooks.verify`. What can go wrong is in `roundsman.errors`.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import requests

from roundsman.address import DEFAULT_URL, checked_key, is_loopback, service_url
from roundsman.resources.checklists import Checklists
from roundsman.resources.deliveries import Deliveries
from roundsman.resources.events import Events
from roundsman.resources.jobs import Jobs
from roundsman.resources.keys import Keys
from roundsman.resources.runs import Runs
from roundsman.resources.schedules import Schedules
from roundsman.resources.snapshots import Snapshots
from roundsman.resources.webhooks import Webhooks
from roundsman.transport import Bearer, Transport


class Client:
    """One account of one service. Not to be shared between threads: give each its own.

    Without `api_key` it can only open an account, with `client.keys.create()`. Proxies and certificates of the
    environment count for another machine, not for this one. `pause` and `clock` are there for tests.
    Raises InvalidAddress (a ValueError) for a URL or a key that cannot be one.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = service_url(url)
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(self.url)
        self._session.auth = Bearer(None if api_key is None else checked_key(api_key))
        transport = Transport(self.url, self._session, pause=pause, clock=clock)
        self.keys = Keys(transport)
        self.checklists = Checklists(transport)
        self.runs = Runs(transport)
        self.schedules = Schedules(transport)
        self.snapshots = Snapshots(transport)
        self.jobs = Jobs(transport)
        self.webhooks = Webhooks(transport)
        self.deliveries = Deliveries(transport)
        self.events = Events(transport)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
