"""An answer as checks and expectations look at it."""

from dataclasses import dataclass
from typing import Final

from shared.domain.json_text import parse
from shared.domain.json_value import InvalidJson, Json
from shared.domain.observations import OBSERVED_MAX_INTEGER
from worker.outbound.exchange import Response

TOO_LARGE: Final = "the answer is larger than 1 MiB"
HOLDS_NUL: Final = "the answer holds NUL characters, which cannot be kept"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer, its header names in lower case; `unusable` says why its body cannot be looked at."""

    status: int
    headers: dict[str, str]
    body: Json
    elapsed_ms: int
    unusable: str | None = None

    def as_json(self) -> dict[str, Json]:
        """What an `observe` expression is applied to."""
        return {
            "status": self.status,
            "headers": dict(self.headers),
            "body": self.body,
            "elapsed_ms": self.elapsed_ms,
        }


def exchange_of(response: Response) -> Exchange:
    """The answer with its body as a JSON value if that is what it is, whatever its type says, and else as text."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    body, unusable = _body(response)
    return Exchange(response.status, headers, body, response.elapsed_ms, unusable)


def _body(response: Response) -> tuple[Json, str | None]:
    if response.truncated:
        return None, TOO_LARGE
    try:
        return parse(response.body, max_integer=OBSERVED_MAX_INTEGER), None
    except InvalidJson:
        text = response.body.decode(errors="replace")
    return (None, HOLDS_NUL) if "\0" in text else (text, None)
