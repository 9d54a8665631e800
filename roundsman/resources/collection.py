"""What the lists of the service have in common: pages, and answers that are what they should be."""

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import UUID, uuid4

from roundsman.errors import UnexpectedAnswer
from roundsman.resources.shapes import Page
from roundsman.transport import Request, Transport

Item = TypeVar("Item", bound=Mapping[str, Any])

LARGEST_PAGE = 200


class Collection(Generic[Item]):
    """Objects of one kind; `item` is their TypedDict, whose required members every answer must have."""

    item: type[Item]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, path: str) -> Item:
        return self._checked(self._transport.send(Request("GET", path, repeatable=True)), path)

    def _page(
        self, path: str, *, limit: int, cursor: str | None, query: Mapping[str, str | int | None] | None = None
    ) -> Page[Item]:
        given = {name: value for name, value in {**(query or {}), "cursor": cursor}.items() if value is not None}
        answer = self._transport.send(Request("GET", path, query={"limit": limit, **given}, repeatable=True))
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or "next_cursor" not in answer:
            raise UnexpectedAnswer(f"{self._transport.url} answered GET {path} with something that is no list")
        return {"data": [self._checked(row, path) for row in rows], "next_cursor": answer["next_cursor"]}

    def _each(
        self, path: str, *, most: int, query: Mapping[str, str | int | None] | None = None, page_size: int = 50
    ) -> Iterator[Item]:
        """At most this many, page by page, asked for as they are needed."""
        cursor, left = None, most
        while left > 0:
            page = self._page(path, limit=min(left, page_size, LARGEST_PAGE), cursor=cursor, query=query)
            yield from page["data"]
            cursor = page["next_cursor"]
            left -= max(1, len(page["data"]))
            if cursor is None:
                return

    def _create(self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None, wait_seconds: int = 0) -> Any:
        """What is answered to this POST, which creates once, however often it has to be sent."""
        headers = {"Idempotency-Key": idempotency_key or new_idempotency_key()}
        request = Request("POST", path, body, headers=headers, wait_seconds=wait_seconds, repeatable=True)
        return self._transport.send(request)

    def _checked(self, answer: Any, path: str) -> Item:
        """The answer, if it has what an object of this kind has. Raises UnexpectedAnswer."""
        return cast(Item, checked(answer, self.item.__required_keys__, path, self._transport.url))  # type: ignore[attr-defined]  # every TypedDict has it; a bound cannot say "is a TypedDict"


def checked(answer: Any, members: frozenset[str], path: str, url: str) -> dict[str, Any]:
    """The answer, if it is an object with these members. Raises UnexpectedAnswer."""
    missing = sorted(members - answer.keys()) if isinstance(answer, dict) else sorted(members)
    if missing:
        raise UnexpectedAnswer(f"what {url} answered to {path} lacks {', '.join(missing)}: is it a Roundsman?")
    return cast(dict[str, Any], answer)


def checked_rows(answer: Any, member: str, members: frozenset[str], path: str, url: str) -> list[dict[str, Any]]:
    """The objects in the array `member` of the answer, each with these members. Raises UnexpectedAnswer."""
    rows = checked(answer, frozenset({member}), path, url)[member]
    if not isinstance(rows, list):
        raise UnexpectedAnswer(f"{url} answered {path} with {member} that are no list")
    return [checked(row, members, path, url) for row in rows]


def segment(id: int | str | UUID) -> str:
    """An id as a part of a path."""
    return quote(str(id), safe="")


def new_idempotency_key() -> str:
    """A key for one creation, however often its request has to be sent."""
    return str(uuid4())
