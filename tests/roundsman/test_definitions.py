"""YAML files of checklists: what they stand for, and what is refused with its place."""

from pathlib import Path

import pytest
import yaml

from roundsman.definitions import reader
from roundsman.definitions.files import read_definitions
from roundsman.definitions.parts import InvalidFile
from roundsman.definitions.reader import read_documents


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def _both_parsers(request, monkeypatch):
    """The parser in C where there is one, and the one in Python that takes its place where there is none."""
    monkeypatch.setattr(reader, "LOADER", getattr(yaml, request.param))


def value_of(text: str) -> object:
    (document,) = read_documents(text, "f.yaml")
    return document.value


def refusal(text: str) -> str:
    with pytest.raises(InvalidFile) as raised:
        read_documents(text, "f.yaml")
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: NO", {"a": "NO"}),
        ("a: yes", {"a": "yes"}),
        ("a: on", {"a": "on"}),
        ("on: [off]", {"on": ["off"]}),
        ("a: 2026-03-01", {"a": "2026-03-01"}),
        ("a: 2026-03-01T12:00:00Z", {"a": "2026-03-01T12:00:00Z"}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 1.2.3", {"a": "1.2.3"}),
        ("a: true", {"a": True}),
        ("a: 'true'", {"a": "true"}),
        ('a: "1"', {"a": "1"}),
        ("a: !!str 1", {"a": "1"}),
        ("a: ! 1", {"a": "1"}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: -0.5e3", {"a": -500.0}),
        ("1: one", {"1": "one"}),
        ("true: one", {"true": "one"}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("a: &x {b: 1}\nc: [*x, *x]", {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}),
    ],
)
def test_yaml_means_what_it_says(text, value):
    assert value_of(text) == value
    assert repr(value_of(text)) == repr(value)  # 1 is not 1.0 and not true


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1, 2\nc: 3", "f.yaml:3:2: "),
        ("a: 1\n  b: 2", "f.yaml:2:4: "),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: the key 'a' appears twice, first at line 1"),
        ("a: {b: 1, 'b': 2}", "f.yaml:1:11: the key 'b' appears twice"),
        ("a:\n  - 0x1F", "f.yaml:2:5: 0x1F is a number in YAML but not in JSON: put it in quotes"),
        ("a: 010", "f.yaml:1:4: 010 is a number in YAML but not in JSON"),
        ("a: 0o17", "f.yaml:1:4: 0o17 is a number"),
        ("a: +5", "f.yaml:1:4: +5 is a number"),
        ("a: .5", "f.yaml:1:4: .5 is a number"),
        ("a: .nan", "f.yaml:1:4: .nan is a number"),
        ("a: -.inf", "f.yaml:1:4: -.inf is a number"),
        ("a: 1e999", "f.yaml:1:4: 1e999 is too large for a number"),
        ("a: 9007199254740993", "f.yaml:1:4: 9007199254740993 is past ±2^53"),
        (f"a: {'9' * 5000}", "is past ±2^53"),
        ("a: !!python/object/apply:os.system [ls]", "f.yaml:1:4: the tag tag:yaml.org,2002:python/object/apply:os"),
        ("a: !!binary aGVsbG8=", "f.yaml:1:4: the tag tag:yaml.org,2002:binary is not accepted"),
        ("a: !!int '1'", "is not accepted"),
        ("? [a]\n: b", "f.yaml:1:3: a key must be plain text"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "f.yaml:3:3: merging with << is not supported"),
        ("a: *x", "f.yaml:1:4: the alias *x has no complete value before it"),
        ("a: &x [*x]", "f.yaml:1:8: the alias *x has no complete value before it"),
        ("a: 1\nb: \x07", "f.yaml:2:4: the character U+0007 cannot stand in YAML"),
        ("[" * 33 + "]" * 33, "f.yaml:1:33: nested more than 32 deep"),
        ("[" * 100_000, "f.yaml:1:33: nested more than 32 deep"),
        ("- &a " + "[" * 20 + "]" * 20 + "\n- " + "[" * 20 + "*a" + "]" * 20, "f.yaml:2:23: nested more than 32 deep"),
        ('a: "\\UFFFFFFFF"', "f.yaml"),
        ('a: "\\U00110000"', "f.yaml"),
        ("%YAML 3.0\n---\na: 1", "f.yaml:"),
    ],
)
def test_what_could_be_misunderstood_is_refused_with_its_place(text, said):
    assert said in refusal(text)


def test_aliases_that_multiply_are_refused_before_they_are_written_out():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    assert refusal(bomb).startswith("f.yaml:6:20: the file grows too large here")
    assert "grows too large" in refusal("- &a '" + "x" * 100_000 + "'\n" + "- *a\n" * 30)


def test_a_place_is_found_by_json_pointer_through_aliases_and_escapes():
    text = "name: x\nflows: &f\n  - {name: a/b}\nagain: *f\n'a/b~c': 1\n"
    (document,) = read_documents(text, "f.yaml")
    places = {
        pointer: (document.at(pointer).line, document.at(pointer).column)
        for pointer in (
            "",
            "/name",
            "/flows/0/name",
            "/flows/0/url/deeper",
            "/again/0/name",
            "/a~1b~0c",
            "/none",
        )
    }  # fmt: skip (a list of pointers)
    assert places == {
        "": (1, 1),
        "/name": (1, 7),
        "/flows/0/name": (3, 12),
        "/flows/0/url/deeper": (3, 5),
        "/again/0/name": (3, 12),
        "/a~1b~0c": (5, 10),
        "/none": (1, 1),
    }


def written(directory: Path, name: str, content: str | bytes) -> str:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_a_file_holds_one_checklist_a_list_or_several_documents(tmp_path):
    one = written(tmp_path, "one.yaml", "\ufeffname: a\n")
    several = written(tmp_path, "several.yaml", "---\n- name: b\n- name: c\n---\n---\nname: d\n---\n")
    assert [each.name for each in read_definitions([one, several])] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "f.yaml: there is nothing in it; expected a checklist"),
        ("# nothing yet\n", "f.yaml: there is nothing in it"),
        ("just text", "f.yaml:1:1: expected a checklist"),
        ("[]", "f.yaml:1:1: the list is empty"),
        ("- name: a\n- 5", "f.yaml:2:3: expected a checklist"),
        ("- name: a\n- flows: []", "f.yaml:2:3: the checklist has no name"),
        ("name: 5", "f.yaml:1:7: the name must be text"),
        ("name: ''", "f.yaml:1:7: the name must be text"),
        ("name: a\n---\nname: a", "f.yaml:3:7: another checklist has this name, at "),
        (b"name: a\nflows: \xff", "f.yaml:2: is not UTF-8 text"),
        (b"#" * 1_048_577, "f.yaml: is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_checklists_is_refused(tmp_path, content, said):
    with pytest.raises(InvalidFile) as raised:
        read_definitions([written(tmp_path, "f.yaml", content)])
    assert said in str(raised.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidFile, match=r"none\.yaml: cannot be read: No such file or directory"):
        read_definitions([str(tmp_path / "none.yaml")])
    with pytest.raises(InvalidFile, match="cannot be read: Is a directory"):
        read_definitions([str(tmp_path)])
