"""`roundsman apply` against the real API: what it makes, and what it says of what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import RunningApi
from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.stub_service import StubService, a_checklist, ok, page, problem

CHECKLIST = """\
name: {name}
flows:
  - name: list
    steps:
      - act: list
        request: {{url: "{url}"}}
      - check: all to-dos
"""


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "log") as running:
        yield running


@pytest.fixture
def access(api: RunningApi) -> dict[str, str]:
    """The environment of a command, with a fresh account."""
    answer = api.call("POST", "/api-keys", json={}, headers={"Authorization": None})
    return environment_of(api.url, answer.json()["api_key"])


def written(path: Path, name: str, url: str = "http://127.0.0.1:9/todos") -> str:
    path.write_text(CHECKLIST.format(name=name, url=url))
    return str(path)


def test_a_checklist_is_created_then_unchanged_then_replaced(access, tmp_path):
    file = written(tmp_path / "a.yaml", "to-do API")
    first = typed("apply", file, environment=access)
    assert first.exit_code == 0
    assert first.stdout.startswith("created    to-do API (checklist ")
    assert typed("apply", file, environment=access).stdout.startswith("unchanged  to-do API (checklist ")
    written(tmp_path / "a.yaml", "to-do API", "http://127.0.0.1:9/v2")
    third = typed("apply", file, environment=access)
    assert third.stdout == first.stdout.replace("created ", "replaced")


def test_true_in_the_place_of_1_is_a_change(access, tmp_path):
    file = Path(written(tmp_path / "a.yaml", "a"))
    for value, change in (("1", "created"), ("true", "replaced"), ("true", "unchanged")):
        file.write_text(
            CHECKLIST.format(name="a", url="http://127.0.0.1:9/") + f"        expect: {{json: {{ok: {value}}}}}\n"
        )
        assert typed("apply", str(file), environment=access).stdout.startswith(change)


def test_several_files_and_standard_input_are_applied_in_order(access, tmp_path):
    file = written(tmp_path / "a.yaml", "a")
    text = (
        CHECKLIST.format(name="b", url="http://127.0.0.1:9/")
        + "---\n"
        + '[{"name": "c", "worker_url": "http://127.0.0.1:9"}]'
    )
    result = typed("apply", file, "-", environment=access, standard_input=text)
    assert result.exit_code == 0, result.stderr
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [["created", each] for each in "abc"]
    assert "b " in typed("checklists", environment=access).stdout


def test_what_the_api_refuses_is_shown_with_its_places_and_the_others_are_applied(access, tmp_path):
    bad, good = written(tmp_path / "bad.yaml", "bad", "ftp://nowhere"), written(tmp_path / "good.yaml", "good")
    result = typed("apply", bad, good, environment=access)
    assert result.exit_code == 4
    assert result.stdout.startswith("created    good ")
    first, second, last = result.stderr.splitlines()
    assert first == f"{bad}:1:1: checklist 'bad': the input is not valid"
    assert second.startswith(f"  {bad}:6:24: /flows/0/steps/0/request/url ")
    assert last == "Error: 1 of 2 checklists were refused"


def test_nothing_is_sent_when_one_of_the_files_cannot_be_read(access, tmp_path):
    good, bad = written(tmp_path / "good.yaml", "good"), tmp_path / "bad.yaml"
    bad.write_text("name: bad\nname: twice\n")
    result = typed("apply", good, str(bad), environment=access)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {bad}:2:1: the key 'name' appears twice, first at line 1\n"
    assert "good" not in typed("checklists", environment=access).stdout


def test_a_name_that_would_act_on_the_terminal_is_written_out(access, tmp_path):
    file = written(tmp_path / "a.yaml", '"\\u202ered [bold]"')
    assert typed("apply", file, environment=access).stdout.startswith(r"created    \u202ered [bold] (checklist ")


def test_a_file_is_required(access):
    assert typed("apply", environment=access).exit_code == 2


def test_somebody_who_creates_it_in_between_is_no_reason_to_fail(tmp_path):
    file = written(tmp_path / "a.yaml", "todo-api")
    with StubService({"POST /checklists": problem(409, "taken"), "PUT /checklists/3": ok(a_checklist())}) as service:
        service.on("GET /checklists", page(), page(a_checklist(timeout_seconds=5)))
        result = typed("apply", file, environment=environment_of(service.url))
    assert (result.exit_code, result.stdout) == (0, "replaced   todo-api (checklist 3)\n")
