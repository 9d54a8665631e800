"""One job: its function is called, and what came of that is told."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from roundsman.errors import Invalid, JobCanceled, LeaseLost, RoundsmanError
from roundsman.processing.job import Job
from roundsman.processing.texts import reason, trace

Handler = Callable[[Job], Any]

log = logging.getLogger("roundsman.processor")


def perform(handler: Handler, job: Job) -> None:
    """What the function returns is the task's result; an exception fails it, with the traceback in its log.

    Nothing is raised: what the service does not hear is in this process's log.
    """
    try:
        with _timed(job):
            result = handler(job)
            if not job.has_ended:
                job.done(result)
    except BaseException as error:  # noqa: BLE001 (whatever it is, sys.exit() included, must end this job alone)
        with _told(job):
            _fail(job, error)


def _fail(job: Job, error: BaseException) -> None:
    if job.has_ended or job.timed_out.is_set() or job.lease_lost:
        # Nobody can be told any longer but who reads the log of this process.
        expected = isinstance(error, RoundsmanError)
        log.warning("task %s of queue %s: %s", job.id, job.queue, reason(error), exc_info=None if expected else error)
    elif isinstance(error, JobCanceled):
        job.fail(str(error), retry=False)
    elif isinstance(error, Invalid):
        log.warning("task %s of queue %s: what it was to be told is refused: %s", job.id, job.queue, error)
        with suppress(LeaseLost):  # what is no result of a run has ended the attempt by itself
            job.fail(reason(error))
    else:
        with suppress(RoundsmanError):
            job.log(trace(error))
        job.fail(reason(error))


@contextmanager
def _timed(job: Job) -> Iterator[None]:
    """Says so when the time of the job is over."""
    if job.timeout_seconds is None:
        yield
        return
    timer = threading.Timer(job.timeout_seconds, job.timed_out.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _told(job: Job) -> Iterator[None]:
    try:
        yield
    except RoundsmanError as error:
        log.warning("what came of task %s of queue %s could not be told: %s", job.id, job.queue, error)
