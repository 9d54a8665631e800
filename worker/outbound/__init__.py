"""Calls to the outside: bounded in time and size, and only to addresses that are allowed."""

from worker.outbound.engine import Outbound
from worker.outbound.exchange import Answer, Request, Response, Unreachable

__all__ = ["Answer", "Outbound", "Request", "Response", "Unreachable"]
