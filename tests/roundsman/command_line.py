"""Typing commands in a test: in this process, with the environment that the test gives."""

from collections.abc import Mapping

from click.testing import CliRunner, Result

from roundsman.cli import roundsman


def typed(*arguments: str, environment: Mapping[str, str | None], standard_input: str | bytes | None = None) -> Result:
    """What `roundsman ARGUMENTS...` did; an accident that would be a traceback fails the test."""
    # Set to nothing what the machine of the test may have set.
    names = ("ROUNDSMAN_URL", "ROUNDSMAN_API_KEY", "ROUNDSMAN_HOST", "ROUNDSMAN_PORT", "NO_COLOR", "FORCE_COLOR")
    clean = {**dict.fromkeys(names), **environment}
    result = CliRunner().invoke(roundsman, list(arguments), env=clean, input=standard_input)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def environment_of(url: str, api_key: str = "rk_test_key") -> dict[str, str]:
    return {"ROUNDSMAN_URL": url, "ROUNDSMAN_API_KEY": api_key}
