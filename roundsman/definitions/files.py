"""The checklists in the files of `roundsman apply`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roundsman.definitions.parts import InvalidFile, Part
from roundsman.definitions.reader import read_documents

MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Definition:
    """A checklist as a file has it."""

    file: str
    part: Part

    @property
    def name(self) -> str:
        return str(self.part.value["name"])

    @property
    def fields(self) -> dict[str, Any]:
        """What is sent to the service."""
        fields: dict[str, Any] = self.part.value
        return fields

    def place(self, pointer: str) -> str:
        """Where in the file the value stands that a JSON Pointer names: file, line and column."""
        part = self.part.at(pointer)
        return f"{self.file}:{part.line}:{part.column}"


def read_definitions(files: Sequence[str]) -> list[Definition]:
    """The checklists in these files, in order; `-` is standard input. Raises InvalidFile.

    A file has one document or several; a document is one checklist, or a list of them.
    """
    definitions = [definition for file in files for definition in _definitions(file)]
    first: dict[str, Definition] = {}
    for definition in definitions:
        same = first.setdefault(definition.name, definition)
        if same is not definition:
            part = definition.part.at("/name")
            problem = f"another checklist has this name, at {same.place('/name')}"
            raise InvalidFile(definition.file, problem, part.line, part.column)
    return definitions


def _definitions(file: str) -> Iterator[Definition]:
    shown = "standard input" if file == "-" else file
    documents = read_documents(_text(file, shown), shown)
    if not documents:
        raise InvalidFile(shown, "there is nothing in it; expected a checklist")
    for document in documents:
        parts = list(document.members.values()) if isinstance(document.value, list) else [document]
        if not parts:
            raise InvalidFile(shown, "the list is empty; expected checklists", document.line, document.column)
        for part in parts:
            _check(part, shown)
            yield Definition(shown, part)


def _check(part: Part, shown: str) -> None:
    if not isinstance(part.value, dict):
        raise InvalidFile(shown, "expected a checklist: name, flows and so on", part.line, part.column)
    name = part.at("/name")
    if "name" not in part.value:
        raise InvalidFile(shown, "the checklist has no name", part.line, part.column)
    if not isinstance(part.value["name"], str) or not part.value["name"]:
        raise InvalidFile(shown, "the name must be text", name.line, name.column)


def _text(file: str, shown: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidFile(shown, f"cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise InvalidFile(shown, f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidFile(shown, "is not UTF-8 text", line) from None
