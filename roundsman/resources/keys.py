"""API keys."""

from collections.abc import Iterator
from typing import cast

from roundsman.resources.collection import Collection, checked, segment
from roundsman.resources.shapes import Key, NewKey, Page
from roundsman.transport import Request


class Keys(Collection[Key]):
    """`client.keys`"""

    item = Key

    def create(self, name: str = "default") -> NewKey:
        """A further key of the account; for a client without a key, the first of a new account.

        Never repeated by itself: without a key the service could not tell a repetition from a second request.
        """
        answer = self._transport.send(Request("POST", "/api-keys", {"name": name}))
        return cast(NewKey, checked(answer, NewKey.__required_keys__, "/api-keys", self._transport.url))

    def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[Key]:
        """A part of the keys, by id."""
        return self._page("/api-keys", limit=limit, cursor=cursor)

    def each(self, *, most: int = 1_000) -> Iterator[Key]:
        """The keys, by id."""
        return self._each("/api-keys", most=most)

    def revoke(self, key_id: int) -> None:
        """Revoke one. With the account's last key go all its data. Raises NotFound."""
        self._transport.send(Request("DELETE", f"/api-keys/{segment(key_id)}"))

    def login_link(self) -> str:
        """A link to the dashboard that logs in with the key of this client, once and within an hour."""
        answer = self._transport.send(Request("POST", "/login-links"))
        link = checked(answer, frozenset({"path", "expires_at"}), "/login-links", self._transport.url)
        return f"{self._transport.url}{link['path']}"

    def revoke_own(self) -> None:
        """Revoke the key of this client. With the account's last key go all its data."""
        self._transport.send(Request("DELETE", "/api-keys"))
