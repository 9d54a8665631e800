"""Every setting of the three processes, read once from the environment."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from shared.errors import InvalidSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks for; durations in seconds, sizes in bytes."""

    database_url: str = "postgresql:///roundsman"
    redis_url: str = "redis://localhost:6379/0"
    host: str = "127.0.0.1"
    port: int = 8080
    api_processes: int = 2
    signup: Literal["open", "closed"] = "closed"
    admin_token: str = ""
    secret_keys: tuple[str, ...] = ()
    max_body_bytes: int = 1_048_576
    concurrency: int = 64
    calls_per_host: int = 32
    egress_allow: tuple[Network, ...] = ()
    sweep_seconds: float = 2.0
    lease_margin_seconds: float = 15.0
    grace_seconds: float = 5.0
    webhook_retry_seconds: tuple[float, ...] = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
    webhook_disable_seconds: float = 432_000
    queue_unattended_seconds: float = 600
    retention_days: int = 30
    log_format: Literal["auto", "json", "text"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def delivery_attempts(self) -> int:
        """How often a delivery is tried."""
        return len(self.webhook_retry_seconds) + 1


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment describes.

    Raises InvalidSettings naming every variable that is wrong, and what it accepts.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for variable, (name, read, accepts) in VARIABLES.items():
        text = environment.get(variable, "")
        if text == "":
            continue
        try:
            values[name] = read(text)
        except ValueError:
            # A URL may hold a password, and a key is one.
            shown = "something else" if variable.endswith(("_URL", "_KEY")) else repr(text[:100])
            problems.append(f"{variable} is {shown}; it accepts {accepts}")
    if problems:
        raise InvalidSettings("; ".join(problems))
    return Settings(**values)


def settings_of_process() -> Settings:
    """The settings of this process; ends it with a sentence for each variable that is wrong."""
    try:
        return read_settings(os.environ)
    except InvalidSettings as error:
        raise SystemExit(f"roundsman: {error}") from None


def _integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not least <= (number := int(text)) <= most:
            raise ValueError
        return number

    return read


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if not least <= (number := float(text)) <= most:
            raise ValueError
        return number

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return read


def _url(*schemes: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError
        return text

    return read


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys or any(len(key) < 16 for key in keys):
        raise ValueError
    return keys


def _delays(text: str) -> tuple[float, ...]:
    delays = tuple(_seconds(0.01, 86_400)(part) for part in text.split(","))
    if len(delays) > 30:
        raise ValueError
    return delays


VARIABLES: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "DATABASE_URL": ("database_url", _url("postgresql", "postgres"), "a postgresql:// URL"),
    "REDIS_URL": ("redis_url", _url("redis", "rediss", "unix"), "a redis://, rediss:// or unix:// URL"),
    "ROUNDSMAN_HOST": ("host", str, "the address that the API listens on"),
    "ROUNDSMAN_PORT": ("port", _integer(1, 65535), "a port from 1 to 65535"),
    "ROUNDSMAN_API_PROCESSES": ("api_processes", _integer(1, 64), "a whole number from 1 to 64"),
    "ROUNDSMAN_SIGNUP": ("signup", _one_of("open", "closed"), "open or closed"),
    "ROUNDSMAN_ADMIN_TOKEN": ("admin_token", str, "a secret that may open accounts while sign-up is closed"),
    "ROUNDSMAN_SECRET_KEY": (
        "secret_keys",
        _keys,
        "keys of at least 16 characters, the newest first, with commas between",
    ),
    "ROUNDSMAN_MAX_BODY_BYTES": (
        "max_body_bytes",
        _integer(1_024, 67_108_864),
        "a whole number from 1024 to 67108864",
    ),
    "ROUNDSMAN_CONCURRENCY": ("concurrency", _integer(1, 1_000), "a whole number from 1 to 1000"),
    "ROUNDSMAN_CALLS_PER_HOST": ("calls_per_host", _integer(1, 1_000), "a whole number from 1 to 1000"),
    "ROUNDSMAN_EGRESS_ALLOW": (
        "egress_allow",
        _networks,
        "networks in CIDR notation, with commas between them, such as 10.0.0.0/8,127.0.0.0/8",
    ),
    "ROUNDSMAN_SWEEP_SECONDS": ("sweep_seconds", _seconds(0.05, 60), "seconds from 0.05 to 60"),
    "ROUNDSMAN_LEASE_MARGIN_SECONDS": (
        "lease_margin_seconds",
        _seconds(0.1, 3_600),
        "seconds from 0.1 to 3600",
    ),
    "ROUNDSMAN_GRACE_SECONDS": ("grace_seconds", _seconds(0, 900), "seconds from 0 to 900"),
    "ROUNDSMAN_WEBHOOK_RETRY_SECONDS": (
        "webhook_retry_seconds",
        _delays,
        "at most 30 numbers of seconds from 0.01 to 86400, with commas between them",
    ),
    "ROUNDSMAN_WEBHOOK_DISABLE_SECONDS": (
        "webhook_disable_seconds",
        _seconds(0.1, 31_536_000),
        "seconds from 0.1 to 31536000",
    ),
    "ROUNDSMAN_QUEUE_UNATTENDED_SECONDS": (
        "queue_unattended_seconds",
        _seconds(0.1, 31_536_000),
        "seconds from 0.1 to 31536000",
    ),
    "ROUNDSMAN_RETENTION_DAYS": (
        "retention_days",
        _integer(1, 3_650),
        "a whole number of days from 1 to 3650",
    ),
    "ROUNDSMAN_LOG_FORMAT": ("log_format", _one_of("auto", "json", "text"), "auto, json or text"),
    "ROUNDSMAN_LOG_LEVEL": (
        "log_level",
        _one_of("debug", "info", "warning", "error"),
        "debug, info, warning or error",
    ),
}

assert {name for name, _, _ in VARIABLES.values()} == {field.name for field in fields(Settings)}  # noqa: S101 (a setting without a variable could never be set: fail at import, not in production)
