"""The Python client: `Client` has a member for each kind of object.

    with Client("http://127.0.0.1:8080", api_key) as client:
        checklist = client.checklists.create({"name": "to-do API", "flows": [...]})
        run = client.runs.start(checklist["id"], wait_seconds=30)
        if run["outcome"] == "changed":
            client.runs.accept(run["id"])
        client.jobs.create({"uri": "https://example.com/remind", "delay_seconds": 3600, "payload": {"who": "ada"}})
        webhook = client.webhooks.create({"url": "https://example.com/told", "event_types": ["run.finished"]})
        client.queues.push("thumbnails", {"image": 7})

What was pushed on a queue is worked on by a processor (roundsman.processor). What came to a webhook is verified by
`roundsman.webhooks.verify`. What can go wrong is in `roundsman.errors`.
"""

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import requests

from roundsman.address import DEFAULT_URL, checked_key, checked_url, is_on_this_machine
from roundsman.hanging_up import HangingUp
from roundsman.processing.options import Options
from roundsman.processor import Handler, Processor, run_together
from roundsman.resources.checklists import Checklists
from roundsman.resources.deliveries import Deliveries
from roundsman.resources.events import Events
from roundsman.resources.jobs import Jobs
from roundsman.resources.keys import Keys
from roundsman.resources.queues import Queues
from roundsman.resources.runs import Runs
from roundsman.resources.schedules import Schedules
from roundsman.resources.snapshots import Snapshots
from roundsman.resources.tasks import Tasks
from roundsman.resources.webhooks import Webhooks
from roundsman.transport import Bearer, Transport


class Client:
    """One account of one service. Not to be shared between threads: give each its own.

    Without `api_key` it can only open an account, with `client.keys.create()`. Proxies and certificates of the
    environment count for another machine, not for this one. `pause` and `clock` are there for tests.
    Raises InvalidAddress (a ValueError) for a URL or a key that cannot be one.

    >>> with Client(url, api_key) as client:
    ...     job = client.jobs.create({"uri": "http://127.0.0.1:9/remind", "delay_seconds": 3600})
    ...     client.jobs.cancel(job["id"])["state"]
    'canceled'
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = checked_url(url)
        self._api_key = api_key
        self._pause, self._clock = pause, clock
        self._processors: list[Processor] = []
        self._connections = HangingUp()
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._connections)
        self._session.trust_env = not is_on_this_machine(self.url)
        self._session.auth = Bearer(None if api_key is None else checked_key(api_key))
        transport = Transport(self.url, self._session, self._connections, pause=pause, clock=clock)
        self.keys = Keys(transport)
        self.checklists = Checklists(transport)
        self.runs = Runs(transport)
        self.schedules = Schedules(transport)
        self.snapshots = Snapshots(transport)
        self.jobs = Jobs(transport)
        self.webhooks = Webhooks(transport)
        self.deliveries = Deliveries(transport)
        self.events = Events(transport)
        self.queues = Queues(transport)
        self.tasks = Tasks(transport)

    @classmethod
    def from_environment(cls) -> "Client":
        """The client that ROUNDSMAN_URL and ROUNDSMAN_API_KEY describe.

        Unlike the command line it looks for no key in a file: without ROUNDSMAN_API_KEY it has none.
        """
        return cls(os.environ.get("ROUNDSMAN_URL") or DEFAULT_URL, os.environ.get("ROUNDSMAN_API_KEY") or None)

    def sibling(self) -> "Client":
        """Another client of the same account, for another thread."""
        return Client(self.url, self._api_key, pause=self._pause, clock=self._clock)

    def processor(
        self,
        queue: str,
        *,
        concurrency: int = 1,
        lease_seconds: int = 60,
        extend: bool = True,
        grace_seconds: float = 8.0,
        worker: str | None = None,
    ) -> Callable[[Handler], Processor]:
        """Makes a function the processor of the tasks on a queue; see roundsman.processor.

        `concurrency` of them are in hand at a time. Each is leased for `lease_seconds`, and again and again while the
        function runs unless `extend` is false. `worker` is the name by which the service knows this process.
        Raises ValueError for what is out of range.
        """
        options = Options(queue, concurrency, lease_seconds, extend, grace_seconds, worker)

        def made(handler: Handler) -> Processor:
            processor = Processor(handler, options, self.sibling)
            self._processors.append(processor)
            return processor

        return made

    def process(self) -> None:
        """Work on the queues of all processors of this client, until SIGTERM, Ctrl-C or stop(). Raises ApiError."""
        if not self._processors:
            raise ValueError("there is nothing to process: @client.processor names a function for a queue")
        run_together(self._processors)

    def stop(self) -> None:
        """End process(): take nothing new, and let what is in hand come to its end."""
        for processor in self._processors:
            processor.stop()

    def hang_up(self) -> None:
        """End, from any thread, the request that is under way; this client can send nothing after that."""
        self._connections.hang_up()

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
