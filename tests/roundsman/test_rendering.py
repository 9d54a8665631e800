"""A run as a person reads it."""

import io
from typing import Any

import pytest
from rich.console import Console

from roundsman.rendering import print_run


def run(**changes: Any) -> dict[str, Any]:
    """A finished run with one miss; what a test does not name is as it usually is."""
    return {
        "id": "0199f3c2-0000-7000-8000-000000000001",
        "checklist_id": 7,
        "state": "succeeded",
        "outcome": "changed",
        "summary": {"match": 1, "miss": 1, "new": 0, "obsolete": 0},
        "flows": [{"name": "a to-do", "summary": {}, "assertions": [match("titles"), miss("what reading answers")]}],
        "error": None,
        **changes,
    }


def match(name: str) -> dict[str, Any]:
    return {"name": name, "result": "MATCH", "observed": 1}


def miss(name: str, *differences: dict[str, Any]) -> dict[str, Any]:
    usual = {"pointer": "/priority", "expected": 2, "observed": "2"}
    return {"name": name, "result": "MISS", "observed": {}, "diff": list(differences) or [usual]}


def rendered(run: dict[str, Any], *, terminal: bool = False, width: int = 120, **options: Any) -> str:
    output = io.StringIO()
    colours = Console(file=output, width=width, force_terminal=True, color_system="standard")
    print_run(run, colours if terminal else Console(file=output, width=width), **options)
    return output.getvalue()


def of_one(assertion: dict[str, Any], name: str = "flow") -> dict[str, Any]:
    return run(flows=[{"name": name, "assertions": [assertion]}])


def test_it_shows_every_check_what_changed_and_how_to_approve_it() -> None:
    text = rendered(run(), checklist_name="todo-api")
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("todo-api: changed (1 match, 1 miss)")
    assert ["a", "to-do", "titles", "MATCH"] in lines
    assert ["what", "reading", "answers", "MISS"] in lines
    assert '/priority  2 → "2"' in text
    assert rendered(run(), width=40).endswith("accept 0199f3c2-0000-7000-8000-000000000001\n")
    assert text.endswith("roundsman accept 0199f3c2-0000-7000-8000-000000000001\n")


def test_a_run_that_passed_asks_for_nothing() -> None:
    text = rendered(run(outcome="passed", summary={"match": 1}, flows=[{"name": "f", "assertions": [match("c")]}]))
    assert text.startswith("checklist 7: passed (1 match) - everything is as it was approved")
    assert "accept" not in text


def test_an_absent_side_is_not_null() -> None:
    text = rendered(
        of_one(miss("c", {"pointer": "/done", "expected": None}, {"pointer": "/completed", "observed": False}))
    )
    assert "/done  null → absent" in text
    assert "/completed  absent → false" in text


def test_a_difference_of_the_whole_value_says_so() -> None:
    assert "(the whole value)  1 → 2" in rendered(of_one(miss("c", {"pointer": "", "expected": 1, "observed": 2})))


def test_errors_of_run_flow_and_check_are_shown() -> None:
    text = rendered(
        run(
            outcome="error",
            error="the worker answered 500",
            flows=[
                {
                    "name": "f",
                    "error": "address_not_allowed",
                    "assertions": [{"name": "c", "result": "MISS", "error": "status was 500"}],
                }
            ],
        )
    )
    for sentence in ("the worker answered 500", "address_not_allowed", "status was 500"):
        assert sentence in text


def test_a_run_that_is_not_finished_is_shown_by_its_state() -> None:
    text = rendered(run(state="running", outcome=None, summary=None, flows=None))
    assert text == "checklist 7: running\n"


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J\x1b]0;title\x07", "a\rb", "\x9b31m", "\u202egnp.exe", "two\nlines", "\x7f"]
)
def test_nothing_observed_acts_on_the_terminal(hostile: str) -> None:
    everywhere = miss(hostile, {"pointer": f"/{hostile}", "expected": hostile, "observed": {hostile: [hostile]}})
    text = rendered(
        run(
            id=hostile,
            error=hostile,
            flows=[{"name": hostile, "error": hostile, "assertions": [{**everywhere, "error": hostile}]}],
        ),
        checklist_name=hostile,
    )
    assert not set(text) & {"\x1b", "\r", "\x9b", "\u202e", "\x07", "\x7f"}
    assert "two\nlines" not in text


def test_markup_is_text() -> None:
    text = rendered(
        of_one(miss("[red]c[/red]", {"pointer": "", "expected": "[link=http://x]y", "observed": ":smile:"}))
    )
    for part in ("[red]c[/red]", "[link=http://x]y", ":smile:"):
        assert part in text


def test_a_lot_is_cut_and_says_so() -> None:
    many = [{"pointer": f"/{number}", "expected": "x" * 10_000, "observed": 1} for number in range(60)]
    text = rendered(of_one(miss("c", *many)))
    assert "… (10002 characters)" in text
    assert "and 10 more differences" in text
    assert len(text) < 30_000


def test_colour_is_for_terminals_and_only_if_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in rendered(run())
    assert "\x1b[1;31mMISS" in rendered(run(), terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in rendered(run(), terminal=True)


def test_a_long_name_is_folded_not_lost() -> None:
    text = rendered(of_one(match("check" * 15), name="flow" * 20), width=40)
    assert "".join(text.split()).count("check") >= 10
    assert text.count("\n") > 3
