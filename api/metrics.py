"""What the service counts, in Prometheus' text format: requests of the API, and what workers and schedulers report."""

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric

from api.ending_tasks import REFUSED
from api.services import services
from api.sockets.open_sockets import OPEN
from api.store import totals
from api.task_lines import WAITING
from shared.errors import DatabaseUnavailable
from shared.store import processes

REQUESTS = Counter("roundsman_http_requests", "Requests answered.", ["method", "endpoint", "status"])
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = Histogram("roundsman_http_request_seconds", "Time to answer a request.", ["endpoint"])


class ServiceCollector:
    """Reads, when asked, what is in the database and what the other processes counted."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("roundsman_up", "Whether a part of the service answers.", labels=["part"])
        waiting = services().bell.rings_waiting()
        up.add_metric(["redis"], float(waiting is not None))
        try:
            with services().database.reading() as cursor:
                unfinished = totals.unfinished_work(cursor)
                alive = processes.alive(cursor)
        except DatabaseUnavailable:
            up.add_metric(["postgres"], 0.0)
            yield up
            return
        up.add_metric(["postgres"], 1.0)
        yield up
        if waiting is not None:
            yield GaugeMetricFamily("roundsman_rings_waiting", "Rings that no worker has taken yet.", value=waiting)
        work = GaugeMetricFamily("roundsman_work", "Work that has not ended.", labels=["kind", "state"])
        for kind, state, count in unfinished:
            work.add_metric([kind, state], count)
        yield work
        counted = GaugeMetricFamily(
            "roundsman_process_count",
            "What each process counted since it began.",
            labels=["kind", "process", "name"],
        )
        for process in alive:
            for name, value in process.counters.items():
                counted.add_metric([process.kind, f"{process.host}:{process.pid}", name], value)
        yield counted
        running = GaugeMetricFamily("roundsman_processes", "Processes alive.", labels=["kind"])
        for kind in ("scheduler", "worker"):
            running.add_metric([kind], sum(process.kind == kind for process in alive))
        yield running


def exposition() -> bytes:
    """All metrics as text."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
    else:
        registry.register(REQUESTS)
        registry.register(SECONDS)
        registry.register(WAITING)
        registry.register(REFUSED)
        registry.register(OPEN)
    registry.register(ServiceCollector())
    return generate_latest(registry)


def count_requests(app: Flask) -> None:
    """Count every answer by endpoint and its time; never by what a client makes up, as paths and methods are."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, endpoint, response.status_code).inc()
        SECONDS.labels(endpoint).observe(time.perf_counter() - g.get("began", time.perf_counter()))
        return response
