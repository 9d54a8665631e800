"""The example, told step by step: python -m roundsman.demo.story TODOS_URL."""

import os
import sys
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from roundsman.demo.calls import StoryInterrupted, call
from roundsman.demo.checklist import CHECKLIST_NAME, demo_checklist
from roundsman.rendering import print_run
from roundsman.visible import visible

MOST_PAGES = 100
MOST_RUNS_TO_MATCH = 3


@dataclass(frozen=True, slots=True)
class Service:
    """The few calls to Roundsman that the example needs."""

    url: str
    key: str

    def put_checklist(self, checklist: dict[str, Any]) -> int:
        """Create the checklist, or replace the one of that name; its id. Raises StoryInterrupted."""
        cursor = ""
        for _ in range(MOST_PAGES):
            page = self._call("GET", f"/checklists?limit=200{cursor}")
            for found in page["data"]:
                if found["name"] == checklist["name"]:
                    self._call("PUT", f"/checklists/{found['id']}", checklist)
                    return int(found["id"])
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        return int(self._call("POST", "/checklists", checklist)["id"])

    def run_checklist(self, checklist_id: int) -> dict[str, Any]:
        """Run it and wait for the result. Raises StoryInterrupted."""
        prefer = {"Prefer": "wait=30"}
        run: dict[str, Any] = self._call("POST", f"/checklists/{checklist_id}/run", {}, prefer)
        if run["outcome"] is None:
            raise StoryInterrupted(f"run {run['id']} did not finish within 30 s; it is {run['state']}")
        return run

    def accept(self, run: dict[str, Any]) -> None:
        """Approve all that this run observed. Raises StoryInterrupted."""
        self._call("POST", f"/runs/{run['id']}/accept", {})

    def _call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return call(method, f"{self.url}{path}", body, key=self.key, headers=headers)


def tell_story(service: Service, todos_url: str, console: Console) -> None:
    """Approve what the to-do API answers, change it behind everybody's back, and see the change.

    Raises StoryInterrupted.
    """
    _answer_in_version(todos_url, 1)
    checklist_id = service.put_checklist(demo_checklist(todos_url))
    _say(console, f"1. The checklist {CHECKLIST_NAME!r} walks through a small to-do API at {todos_url}.")
    _run_until_it_matches(service, checklist_id, console)
    _say(console, "2. The to-do API is deployed anew, with a change that nobody announced. The same run:")
    _answer_in_version(todos_url, 2)
    run = service.run_checklist(checklist_id)
    print_run(run, console, checklist_name=CHECKLIST_NAME)
    _say(console, "3. If the change is meant, approve it (the line above does, and so does this one):")
    line = (
        f"""curl {service.url}/runs/{run["id"]}/accept -u "$ROUNDSMAN_API_KEY:" """
        "-H 'Content-Type: application/json' -d '{}'"
    )
    console.print(Text(line), soft_wrap=True)


def _run_until_it_matches(service: Service, checklist_id: int, console: Console) -> None:
    for _ in range(MOST_RUNS_TO_MATCH):
        run = service.run_checklist(checklist_id)
        print_run(run, console, checklist_name=CHECKLIST_NAME)
        if run["outcome"] == "error":
            break
        if run["outcome"] == "passed" and not run["summary"]["new"]:
            return
        if run["outcome"] != "passed":
            # An earlier example may have ended with the other answers approved.
            service.accept(run)
        _say(console, "   These values are the snapshots now. Once more:")
    raise StoryInterrupted("the checklist did not come to match what the to-do API answers")


def _answer_in_version(todos_url: str, version: int) -> None:
    call("PUT", f"{todos_url}/demo/version", {"version": version})


def _say(console: Console, text: str) -> None:
    console.print(Text(f"\n{text}\n", style="bold"), soft_wrap=True)


@click.command()
@click.argument("todos_url")
def main(todos_url: str) -> None:
    """Tell the story on standard output, with ROUNDSMAN_URL and ROUNDSMAN_API_KEY from the environment."""
    service = Service(os.environ["ROUNDSMAN_URL"], os.environ["ROUNDSMAN_API_KEY"])
    try:
        tell_story(service, todos_url, Console(highlight=False))
    except StoryInterrupted as interruption:
        sys.stderr.write(f"roundsman up: the example ends early: {visible(str(interruption), limit=500)}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
