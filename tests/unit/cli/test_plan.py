"""`tidegate plan` for an assumed load: what it prints, and how it ends."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import command_app
from cli.output import EXIT_NO_PLAN
from schemas.errors import SettingsError

app = command_app()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["plan", *words])


def as_json(*words: str) -> tuple[int, dict[str, Any]]:
    found = run("--json", *words)
    return found.exit_code, json.loads(found.stdout)


def test_the_load_that_it_is_for_fits_an_unlimited_org() -> None:
    code, plan = as_json("--changes-per-day", "35000000", "--edition", "unlimited")
    assert (code, plan["fits"], plan["problems"]) == (0, True, [])
    assert {each["way"] for each in plan["objects"]} == {"poll"}
    assert all(each["freshness_seconds"] <= 120 for each in plan["objects"])
    calls = plan["budgets"]["api_calls"]
    assert calls["planned"] <= calls["may_spend"] <= calls["maximum"] == 100_000


def test_a_load_without_a_plan_ends_with_a_code_of_its_own() -> None:
    words = ("--changes-per-day", "35000000", "--edition", "developer")
    found = run(*words)
    assert found.exit_code == EXIT_NO_PLAN
    assert "No plan fits." in found.stdout
    assert "What would help" in found.stdout


def test_a_large_entitlement_lets_everything_be_streamed() -> None:
    words = ("--changes-per-day", "35000000", "--entitlement", "60000000")
    code, plan = as_json(*words)
    assert code == 0
    assert {each["way"] for each in plan["objects"]} == {"stream"}


def test_objects_have_their_parts_of_the_changes() -> None:
    words = ("--changes-per-day", "1000000", "--entitlement", "400000", "--objects", "Case=0.8,Account=0.2")
    _, plan = as_json(*words)
    assert {each["object"]: each["way"] for each in plan["objects"]} == {"Case": "poll", "Account": "stream"}
    assert plan["budgets"]["delivered_events"]["planned"] == 200_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--objects", "Case"), "OBJECT=PART", id="a part is missing"),
        pytest.param(("--objects", "Case=-1"), "from 0 on", id="a part below 0"),
        pytest.param(("--goal", "soon"), "120s, 5m or 1h", id="a goal that is no time"),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(words: tuple[str, ...], said: str) -> None:
    found = run("--changes-per-day", "1000", *words)
    assert isinstance(found.exception, SettingsError)
    assert said in str(found.exception)
    assert found.stdout == ""
