"""Calls to the outside: bounded in time and size, and only to addresses that are allowed."""

from worker.outbound.engine import Outbound
from worker.outbound.exchange import Request, Response, Unreachable

__all__ = ["Outbound", "Request", "Response", "Unreachable"]
