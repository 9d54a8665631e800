"""Structured logs: JSON lines for machines, coloured text for a terminal, secrets in neither."""

import logging
import re
import sys
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor

SECRET_NAMES = re.compile(r"authorization|api_?key|secret|password|lease_token|admin_token|cookie", re.IGNORECASE)
SECRET_TEXT = re.compile(r"\brk_[0-9a-zA-Z]+_[0-9a-zA-Z]+|whsec_[A-Za-z0-9+/=]+|(?<=//)[^/@\s]*:[^/@\s]*(?=@)")
REDACTED = "[redacted]"


def redact(value: Any, name: str = "") -> Any:
    """The value with everything secret in it replaced.

    >>> redact({"password": "hunter2", "url": "postgresql://me:hunter2@db/x"})
    {'password': '[redacted]', 'url': 'postgresql://[redacted]@db/x'}
    """
    if name and SECRET_NAMES.search(name):
        return REDACTED
    if isinstance(value, str):
        return SECRET_TEXT.sub(REDACTED, value)
    if isinstance(value, dict):
        return {key: redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return SECRET_TEXT.sub(REDACTED, repr(value))  # as it would be written in the end


def configure_logs(process: str, log_format: Literal["auto", "json", "text"], level: str) -> None:
    """Send every log line of this process, our own and the libraries', to standard error in one form."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        lambda _logger, _method, event: {"process": process, **event},
    ]
    after: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_text:
        # Plain tracebacks: rich ones show local variables, and those hold what must not be shown.
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        after += [_redact_event, console, _redact_line]
    else:
        after += [structlog.processors.format_exc_info, _redact_event, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=after),
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _redact_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {key: value if key == "exc_info" else redact(value, key) for key, value in event.items()}


def _redact_line(_logger: Any, _method: str, line: Any) -> str:
    """The console writes the traceback itself, when the event has been redacted already."""
    return SECRET_TEXT.sub(REDACTED, line)
