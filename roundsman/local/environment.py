"""The environment of the service's processes."""

from collections.abc import Mapping
from pathlib import Path

from roundsman.address import is_loopback
from roundsman.local.options import UpOptions

# Shorter than what `up` allows a worker at its own end, so that work in hand is handed back in order.
GRACE_SECONDS = "3"


def service_environment(
    environment: Mapping[str, str],
    options: UpOptions,
    *,
    database_url: str,
    redis_url: str,
    secret_key: str,
    temporary: Path,
) -> dict[str, str]:
    """What the processes see: ours, where the servers are, and defaults that suit one machine.

    A variable that the person has set is never replaced, but host and port, which `up` has options for.
    """
    defaults = {
        "ROUNDSMAN_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
        "ROUNDSMAN_GRACE_SECONDS": GRACE_SECONDS,
    }
    if is_loopback(options.host):
        defaults["ROUNDSMAN_SIGNUP"] = "open"
    return {
        **defaults,
        **{name: value for name, value in environment.items() if value != "" or name not in defaults},
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ROUNDSMAN_SECRET_KEY": secret_key,
        "ROUNDSMAN_HOST": options.host,
        "ROUNDSMAN_PORT": str(options.port),
        # Where what a killed process leaves is found again, and removed.
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }
