"""Requests to the service and their JSON answers: bounded in time and size, repeated only where that is safe."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from roundsman.errors import OverLimit, ServerUnreachable, Unavailable, UnexpectedAnswer, api_error
from roundsman.hanging_up import HangingUp
from roundsman.json_bytes import json_bytes

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
PATIENCE_SECONDS = 1.5
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0


class Bearer(AuthBase):
    """The key in every request; without one, nothing: a netrc file must never speak for the caller."""

    def __init__(self, api_key: str | None) -> None:
        self.api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.api_key is not None:
            request.headers["Authorization"] = f"Bearer {self.api_key}"
        return request


@dataclass(frozen=True, slots=True)
class Request:
    """One call; `repeatable` says that sending it twice has the effect of sending it once.

    `wait_seconds` is what the service is told to wait for an end, and comes on top of `answer_seconds`.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_seconds: int = 0
    answer_seconds: float = ANSWER_SECONDS
    repeatable: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """The way to one service, by connections that are the session's. `pause` and `clock` are time, except in tests."""

    def __init__(
        self,
        url: str,
        session: requests.Session,
        connections: HangingUp,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self.pause = pause
        self.clock = clock
        self._session = session
        self._connections = connections

    def send(self, request: Request, *, patience_seconds: float = PATIENCE_SECONDS) -> Any:
        """The JSON of a 2xx answer, None for 204.

        A repeatable request is sent again while nothing but failures of the moment come, for as long as
        `patience_seconds` after the first of them. Raises ServerUnreachable, UnexpectedAnswer and ApiError.
        """
        pause = FIRST_PAUSE_SECONDS
        give_up_at: float | None = None
        while True:
            try:
                return self._send_once(request)
            except (ServerUnreachable, Unavailable, OverLimit) as failure:
                give_up_at = give_up_at or self.clock() + patience_seconds
                asked = getattr(failure, "retry_after_seconds", None) or 0
                if not request.repeatable or self.clock() + max(pause, asked) > give_up_at:
                    raise
                self.pause(max(pause, asked))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _send_once(self, request: Request) -> Any:
        headers = {"Accept": "application/json, application/problem+json", **request.headers}
        if request.wait_seconds:
            headers["Prefer"] = f"wait={request.wait_seconds}"
        data = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            data = json_bytes(request.body)
        allowance = request.answer_seconds + request.wait_seconds
        # The time-outs are for each wait; the whole of an answer that trickles would take for ever.
        failure: Exception | None = None
        with self._connections.within(CONNECT_SECONDS + allowance) as allowed:
            try:
                with self._session.request(
                    request.method,
                    self.url + request.path,
                    params=dict(request.query),
                    data=data,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, allowance),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = self._content(response)
            except (requests.RequestException, HTTPError) as error:
                failure = error
        if allowed.is_used_up:
            raise ServerUnreachable(f"{self.url} is out of reach: its answer does not come to an end") from failure
        if failure is not None:
            raise ServerUnreachable(f"{self.url} is out of reach: {_reason(failure, allowance)}") from failure
        return self._answer(request, response, content)

    def _content(self, response: requests.Response) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_content(65_536):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise UnexpectedAnswer(f"{self.url} answered with more than {MAX_ANSWER_BYTES} bytes")
        return b"".join(chunks)

    def _answer(self, request: Request, response: requests.Response, content: bytes) -> Any:
        value = _json(content)
        if response.status_code >= 400:
            raise api_error(response.status_code, value, response.headers)
        if response.status_code == 204:
            return None
        if not response.ok or response.status_code >= 300:
            raise UnexpectedAnswer(f"{request} was redirected by {self.url}, which Roundsman never does")
        if value is None:
            raise UnexpectedAnswer(f"{self.url} answered {request} with something that is not JSON")
        return value


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _reason(error: Exception, allowance: float) -> str:
    """Why, in a person's words: what the operating system said, not through which objects it came."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, requests.Timeout):
        return f"no answer within {allowance:g} s"
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            break
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException) and cause.strerror:
            return cause.strerror
        if isinstance(cause, TimeoutError):  # in the middle of a body
            return f"no answer within {allowance:g} s"
        cause = cause.__cause__ or cause.__context__
    return str(error)[:200]
