"""Which service and which key a command works with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import StubService, page

KEY = "rk_of_this_machine"


@pytest.fixture
def service() -> Iterator[StubService]:
    with StubService({"GET /runs": page()}) as stub:
        yield stub


@pytest.fixture(autouse=True)
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one that `roundsman up` has written where the command is typed."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "roundsman-data" / "api-key"
    file.parent.mkdir()
    file.write_text(f"{KEY}\n")
    return file


def test_the_key_in_the_file_is_for_a_service_on_this_machine(service):
    assert typed("runs", environment={"ROUNDSMAN_URL": service.url}).exit_code == 0
    assert service.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_key_of_the_environment_goes_before_it(service):
    assert typed("runs", environment=environment_of(service.url, "rk_other")).exit_code == 0
    assert service.asked[0].headers["authorization"] == "Bearer rk_other"


@pytest.mark.parametrize("url", ["http://192.0.2.1:8080", "https://roundsman.example"])
def test_the_key_in_the_file_is_sent_to_no_other_machine(monkeypatch, url):
    monkeypatch.setattr("requests.Session.request", lambda *_arguments, **_options: pytest.fail("it was sent"))
    result = typed("runs", environment={"ROUNDSMAN_URL": url})
    assert (result.exit_code, result.stderr) == (2, f"Error: there is no API key for {url}: set ROUNDSMAN_API_KEY\n")


def test_without_any_key_it_says_where_one_is_looked_for(service, key_file):
    key_file.unlink()
    result = typed("runs", environment={"ROUNDSMAN_URL": service.url})
    assert result.exit_code == 2
    assert "set ROUNDSMAN_API_KEY, or be where roundsman-data/api-key is" in result.stderr
    assert service.asked == []


def test_a_file_that_cannot_be_read_is_named(service, key_file):
    key_file.unlink()
    key_file.mkdir()  # which root cannot read either
    result = typed("runs", environment={"ROUNDSMAN_URL": service.url})
    assert "the API key in roundsman-data/api-key cannot be read" in result.stderr


@pytest.mark.parametrize("url", ["http://a..b:8080", "ftp://127.0.0.1", "http://127.0.0.1:port"])
@pytest.mark.parametrize("key", [{}, {"ROUNDSMAN_API_KEY": "rk_a_b"}])
def test_a_url_that_cannot_be_one_is_a_usage_error(url, key):
    result = typed("runs", environment={"ROUNDSMAN_URL": url, **key})
    assert result.exit_code == 2
    assert "expected a URL such as http://127.0.0.1:8080; " not in result.stderr
    assert result.stderr.endswith("expected a URL such as http://127.0.0.1:8080 (ROUNDSMAN_URL, ROUNDSMAN_API_KEY)\n")
