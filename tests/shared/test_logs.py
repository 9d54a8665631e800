"""Logs: one JSON object a line for machines, text for a terminal, secrets in neither."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.logs import REDACTED, redact

ROOT = Path(__file__).parent.parent.parent
SECRET = "rk_7Fh2abc_Zz9secretsecret"

# What is logged in a process of its own, since configuring is for a whole process.
SCRIPT = f"""
import logging, structlog
from shared.logs import configure_logs

configure_logs("api", {{log_format!r}}, {{level!r}})
log = structlog.get_logger("api")
structlog.contextvars.bind_contextvars(request_id="r1")
log.info("said", number=1, text="é", nested={{{{"api_key": "x", "deep": ["Bearer {SECRET}"]}}}})
log.info("object", value=ValueError("{SECRET}"), raw=b"{SECRET}")
logging.getLogger("library").warning("%s of %s", "postgresql://me:hunter2@db/x", 7)
log.debug("whispered")


def fail(local="{SECRET}"):
    raise ValueError("broken by {SECRET}")


try:
    fail()
except ValueError:
    log.exception("accident")
"""


def logged(log_format: str, level: str = "info") -> str:
    """What the script above writes to standard error."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(log_format=log_format, level=level)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == ""
    return ended.stderr


@pytest.fixture(scope="module")
def json_lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged("auto").splitlines()]  # a pipe is no terminal: auto means json


@pytest.fixture(scope="module")
def text() -> str:
    return logged("text", "debug")


def test_every_line_is_one_json_object_that_says_who_when_and_how_grave(json_lines: list[dict[str, Any]]) -> None:
    assert [line["event"] for line in json_lines] == [
        "said",
        "object",
        f"postgresql://{REDACTED}@db/x of 7",
        "accident",
    ]
    for line in json_lines:
        assert line["process"] == "api"
        assert line["timestamp"].endswith("Z")
    assert [line["level"] for line in json_lines] == ["info", "info", "warning", "error"]
    assert [line["logger"] for line in json_lines] == ["api", "api", "library", "api"]


def test_values_keep_their_types_and_secrets_are_taken_out(json_lines: list[dict[str, Any]]) -> None:
    said = json_lines[0]
    assert (said["number"], said["text"], said["request_id"]) == (1, "é", "r1")
    assert said["nested"] == {"api_key": REDACTED, "deep": [f"Bearer {REDACTED}"]}


def test_the_log_of_an_accident_holds_its_traceback(json_lines: list[dict[str, Any]], text: str) -> None:
    assert "Traceback (most recent call last)" in json_lines[-1]["exception"]
    assert f"ValueError: broken by {REDACTED}" in json_lines[-1]["exception"]
    assert "Traceback (most recent call last)" in text


def test_no_secret_is_in_any_line_in_either_form(json_lines: list[dict[str, Any]], text: str) -> None:
    for form in (json.dumps(json_lines), text):
        assert "Zz9secret" not in form
        assert "hunter2" not in form


def test_the_level_decides_what_is_written(json_lines: list[dict[str, Any]], text: str) -> None:
    assert "whispered" not in json.dumps(json_lines)
    assert "whispered" in text


@pytest.mark.parametrize(
    "name",
    ["Authorization", "api_key", "apiKey", "secret", "client_secret", "password", "lease_token", "Set-Cookie"],
)
def test_what_has_the_name_of_a_secret_is_one(name: str) -> None:
    assert redact({name: "x", "other": "x"}) == {name: REDACTED, "other": "x"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {SECRET}.", f"key {REDACTED}."),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", REDACTED),
        ("redis://:pw@host/0", f"redis://{REDACTED}@host/0"),
        ("http://127.0.0.1:80/a@b", "http://127.0.0.1:80/a@b"),
        ("work_of_account", "work_of_account"),
    ],
)
def test_text_that_looks_like_a_secret_is_one(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact([(text,)]) == [[shown]]
