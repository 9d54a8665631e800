"""From a file to an approved change, with the real API and a real worker."""

from tests.processes import RunningApi, ServiceProcess
from tests.roundsman.command_line import environment_of, typed
from tests.target import Target

CHECKLIST = """\
name: to-do API
first_value: review
timeout_seconds: 10
variables: {{path: nowhere}}
flows:
  - name: list
    steps:
      - act: list
        request: {{url: "{url}/{{{{path}}}}"}}
      - check: all to-dos
      - check: status
        observe: status
"""


def test_a_change_is_found_looked_at_and_approved(environment, tmp_path):
    with (
        Target() as target,
        RunningApi(environment=environment, log=tmp_path / "api.log") as api,
        ServiceProcess("worker", environment=environment, log=tmp_path / "worker.log"),
    ):
        key = api.session.headers["Authorization"].split()[1]
        access = environment_of(api.url, key)
        file = tmp_path / "checklist.yaml"
        file.write_text(CHECKLIST.format(url=target.url("")))
        run = ["run", "to-do API", "--variable", "path=todos"]

        def command(*arguments: str, exit_code: int = 0) -> str:
            result = typed(*arguments, environment=access)
            assert result.exit_code == exit_code, result.output
            return result.stdout

        target.answers["/todos"] = [{"title": "water the plants"}]
        command("apply", str(file))
        assert "new" in command(*run, exit_code=1)
        assert "accepted  list / status" in command("accept", "to-do API", "--check", "list/status")
        assert "accepted  list / all to-dos" in command("accept", "to-do API", "--only", "new")
        assert "passed (2 match)" in command(*run)

        target.answers["/todos"] = [{"title": "drown the plants"}]
        changed = command(*run, exit_code=1)
        assert '/0/title  "water the plants" → "drown the plants"' in changed
        assert "accepted  list / all to-dos" in command("accept", "to-do API", "--only", "miss")
        assert "passed (2 match)" in command(*run)
        listed = [line.split()[3] for line in command("runs", "--checklist", "to-do API").splitlines()[1:]]
        assert listed == ["passed", "changed", "passed", "new"]

        target.on("/todos", "hang-up")
        command(*run, exit_code=3)
