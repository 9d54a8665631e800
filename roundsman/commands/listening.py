"""`roundsman webhooks listen`: a receiver at this desk, that shows what arrives."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from roundsman.address import is_on_this_machine
from roundsman.arrival_rendering import arrival_as_json, print_arrival
from roundsman.arrivals import Arrival
from roundsman.client import Client
from roundsman.commands.access import connected
from roundsman.commands.consoles import standard_output
from roundsman.commands.failures import Misused, Refused
from roundsman.errors import NotFound, RoundsmanError
from roundsman.listener import Listener
from roundsman.local.waiting import Stopping
from roundsman.signals import ended_by_signals
from roundsman.visible import visible
from roundsman.webhooks import InvalidSecret, signing_key

LOOK_SECONDS = 0.1


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8900, show_default=True, help="0 for any that is free.")
@click.option("--url", help="Where the service reaches this desk; needed when it is on another machine.")
@click.option("--secret", help="The whsec_… of a webhook that is there; without it, one is made for the time being.")
@click.option("--type", "types", multiple=True, help="An event type to be told; repeatable, everything if not given.")
@click.option("--status", type=click.IntRange(200, 599), default=204, show_default=True, help="What to answer.")
@click.option("--json", "as_json", is_flag=True, help="Print each arrival as a line of JSON.")
def listen(
    host: str, port: int, url: str | None, secret: str | None, types: tuple[str, ...], status: int, as_json: bool
) -> None:
    """Receive webhooks here, verify them, and print what arrives, until Ctrl-C.

    Without --secret a webhook is made that points here, and deleted at the end. What is not verified is answered
    with 401, all else with --status: --status 500 shows how it is tried again.
    """
    if secret is not None and (types or url is not None):
        raise click.UsageError("--type and --url are for the webhook that is made without --secret")
    try:
        if secret is not None:
            signing_key(secret)
    except InvalidSecret as error:
        raise click.BadParameter(str(error), param_hint="--secret") from None
    stopping = Stopping()
    # What was made is to be deleted at the end.
    with (
        ended_by_signals(lambda _number: stopping.request()),
        _listening(host, port, status, _Printer(as_json, stopping)) as listener,
    ):
        if secret is not None:
            _listen(listener, secret, stopping, "")
            return
        with connected() as client:
            told_at = _url_for(client, listener) if url is None else url
            definition = {"url": told_at, "event_types": list(types) or ["*"], "description": "roundsman listen"}
            webhook = client.webhooks.create(definition)
            try:
                _listen(listener, webhook["secret"], stopping, f" as webhook {webhook['id']}")
            finally:
                _delete(client, webhook["id"])


class _Printer:
    """Prints arrivals one by one, whichever threads they come from."""

    def __init__(self, as_json: bool, stopping: Stopping) -> None:
        self._as_json = as_json
        self._stopping = stopping
        self._lock = threading.Lock()
        self._console = standard_output()

    def show(self, arrival: Arrival) -> None:
        with self._lock:
            try:
                if self._as_json:
                    click.echo(arrival_as_json(arrival))
                else:
                    print_arrival(arrival, self._console)
                sys.stdout.flush()
            except (OSError, SystemExit) as error:  # rich makes a SystemExit of a broken pipe
                # What is left in the buffer goes nowhere, so that it is no accident on the way out.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                self._stopping.request()
                raise ConnectionAbortedError("nobody reads what is shown: there is no answer") from error


@contextmanager
def _listening(host: str, port: int, status: int, printer: _Printer) -> Iterator[Listener]:
    try:
        listener = Listener(host, port, status=status, show=printer.show)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no address"
        where = f"port {port} of {visible(host, limit=100)}"
        raise Misused(f"Error: cannot listen on {where}: {reason}; choose others with --host and --port") from None
    with listener:
        yield listener


def _listen(listener: Listener, secret: str, stopping: Stopping, name: str) -> None:
    listener.start(secret)
    click.echo(f"listening on {listener.url}{name}; Ctrl-C ends it", err=True)
    while not stopping.pause(LOOK_SECONDS):
        pass


def _url_for(client: Client, listener: Listener) -> str:
    if is_on_this_machine(client.url):
        return listener.url
    raise Misused(
        f"Error: the service is at {visible(client.url, limit=200)}, from where {listener.url} is another machine: "
        "give the address under which this desk is reached with --url, and where to listen with --host"
    )


def _delete(client: Client, webhook_id: int) -> None:
    try:
        client.webhooks.delete(webhook_id)
    except NotFound:
        pass  # somebody else was faster
    except RoundsmanError as error:
        advice = f"`roundsman webhooks delete {webhook_id}` does it later"
        reason = visible(str(error), limit=300)
        raise Refused(f"Error: webhook {webhook_id} could not be deleted: {reason}; {advice}") from error
