"""How a command ends when it cannot do its work: one sentence on standard error, and an exit code."""

import signal
from typing import IO, Any

import click

from roundsman.errors import ApiError, RoundsmanError, ServerUnreachable, Unauthorized
from roundsman.visible import visible

SHOWN_CHARACTERS = 500
SHOWN_PROBLEMS = 20


class Failure(click.ClickException):
    """Ends the command with its message, in which foreign text has been made visible."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class Misused(Failure):
    """What was typed, or the environment, or a file, is not right."""

    exit_code = 2


class NotObserved(Failure):
    """The run did not find out what it was to find out."""

    exit_code = 3


class Refused(Failure):
    """The service is out of reach, or refuses."""

    exit_code = 4


class Interrupted(Failure):
    """Ctrl-C."""

    exit_code = 128 + signal.SIGINT


def refused(error: RoundsmanError) -> Refused:
    """The end of a command that the service did not serve."""
    return Refused("\n".join([f"Error: {_sentence(error)}", *_problems(error)]))


def _problems(error: RoundsmanError) -> list[str]:
    """What is wrong with which place of the input, a line each."""
    if not isinstance(error, ApiError):
        return []
    lines = [
        visible(f"  {problem.pointer}: {problem.detail}" if problem.pointer else f"  {problem.detail}", limit=500)
        for problem in error.errors[:SHOWN_PROBLEMS]
    ]
    if len(error.errors) > SHOWN_PROBLEMS:
        lines.append(f"  and {len(error.errors) - SHOWN_PROBLEMS} more")
    return lines


def _sentence(error: RoundsmanError) -> str:
    sentence = error.detail if isinstance(error, ApiError) else str(error)
    advice = ""
    if isinstance(error, ServerUnreachable):
        advice = "; is `roundsman up` running, and is ROUNDSMAN_URL right?"
    elif isinstance(error, Unauthorized):
        advice = "; ROUNDSMAN_API_KEY must hold a key of the service at ROUNDSMAN_URL"
    return visible(sentence, limit=SHOWN_CHARACTERS) + advice


class Roundsman(click.Group):
    """The group of all commands: whatever the service refuses, and Ctrl-C, ends in a sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RoundsmanError as error:
            raise refused(error) from error
        except KeyboardInterrupt:
            raise Interrupted("Interrupted.") from None
