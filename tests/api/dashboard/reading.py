"""What stands on a page, and sending its forms: a browser as far as these tests need one."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient

# Shown as text it does nothing; as markup it would run, close a tag, or break out of an attribute.
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
NEVER_CLOSED = ("input", "img", "link", "meta", "br", "hr", "path", "rect", "circle", "line")


@dataclass
class Element:
    """An element that was opened: its name, its attributes, and all text within."""

    name: str
    attributes: dict[str, str]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Page(HTMLParser):
    """A page as it came: status, where it leads, and its elements in order."""

    def __init__(self, status: int, location: str | None, source: str) -> None:
        super().__init__()
        self.status = status
        self.location = location
        self.source = source
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(source)

    @property
    def text(self) -> str:
        """All that can be read on it."""
        return " ".join(" ".join(element.words) for element in self.elements[:1]).strip() and self.elements[0].text

    def all(self, name: str, /, **attributes: str) -> list[Element]:
        """The elements of this name with these attributes; `class_` is one of the classes."""
        return [element for element in self.elements if element.name == name and _has(element, attributes)]

    def one(self, name: str, /, **attributes: str) -> Element:
        """The only one."""
        [found] = self.all(name, **attributes)
        return found

    def links(self) -> list[str]:
        return [element.attributes["href"] for element in self.all("a") if "href" in element.attributes]

    def field(self, name: str) -> str:
        """What a form has in this field."""
        for element in self.elements:
            if element.attributes.get("name") == name and element.name in ("input", "textarea", "select"):
                return element.text if element.name == "textarea" else element.attributes.get("value", "")
        raise AssertionError(f"no field is called {name}")

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.elements.append(element)
        if tag not in NEVER_CLOSED:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if any(element.name == tag for element in self._open):
            while self._open.pop().name != tag:
                pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.words.append(data)


def _has(element: Element, attributes: dict[str, str]) -> bool:
    classes = element.attributes.get("class", "").split()
    return all(
        value in classes if name == "class_" else element.attributes.get(name.replace("_", "-")) == value
        for name, value in attributes.items()
    )


@dataclass
class Browser:
    client: FlaskClient

    def log_in(self, key: str) -> "Page":
        return self.post("/ui/login", key=key, on="/ui/login")

    def get(self, path: str, **query: Any) -> Page:
        answer = self.client.get(path, query_string=query or None)
        return Page(answer.status_code, answer.headers.get("Location"), answer.text)

    def post(self, path: str, /, *, on: str = "/ui/workers", **fields: Any) -> Page:
        """Send a form with these fields, and the token that the page at `on` gives its forms."""
        token = self.get(on).field("csrf")
        answer = self.client.post(path, data={"csrf": token} | fields)
        return Page(answer.status_code, answer.headers.get("Location"), answer.text)

    def follow(self, page: Page) -> Page:
        """Where this answer leads."""
        assert page.status == 303, page.source
        assert page.location is not None
        return self.get(page.location)
