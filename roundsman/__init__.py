"""The Python client of Roundsman: `Client`, processors of tasks, and checklists written as functions."""

from roundsman.checking.flow_run import FlowRun
from roundsman.checklist import Checklist, Flow, act, check, flow, serve, work
from roundsman.client import Client
from roundsman.errors import (
    ApiError,
    JobCanceled,
    JobDone,
    JobFailed,
    JobTimedOut,
    LeaseLost,
    RoundsmanError,
    ServerUnreachable,
)
from roundsman.processor import Job, Processor

__all__ = [
    "ApiError",
    "Checklist",
    "Client",
    "Flow",
    "FlowRun",
    "Job",
    "JobCanceled",
    "JobDone",
    "JobFailed",
    "JobTimedOut",
    "LeaseLost",
    "Processor",
    "RoundsmanError",
    "ServerUnreachable",
    "act",
    "check",
    "flow",
    "serve",
    "work",
]
