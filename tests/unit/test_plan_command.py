"""`tidegate plan` for an assumed load: what it prints, and how it ends."""

import json
import sys
from typing import Any

import pytest

from cli.main import main
from cli.output import EXIT_NO_PLAN, EXIT_REFUSED


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["tidegate", "plan", *words])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


def as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(monkeypatch, capsys, "--json", *words)
    return code, json.loads(out)


def test_the_load_that_it_is_for_fits_an_unlimited_org(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, plan = as_json(monkeypatch, capsys, "--changes-per-day", "35000000", "--edition", "unlimited")
    assert (code, plan["fits"], plan["problems"]) == (0, True, [])
    assert {each["way"] for each in plan["objects"]} == {"poll"}
    assert all(each["freshness_seconds"] <= 120 for each in plan["objects"])
    calls = plan["budgets"]["api_calls"]
    assert calls["planned"] <= calls["may_spend"] <= calls["maximum"] == 100_000


def test_a_load_without_a_plan_ends_with_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--changes-per-day", "35000000", "--edition", "developer")
    code, out, _ = run(monkeypatch, capsys, *words)
    assert code == EXIT_NO_PLAN
    assert "No plan fits." in out
    assert "What would help" in out


def test_a_large_entitlement_lets_everything_be_streamed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--changes-per-day", "35000000", "--entitlement", "60000000")
    code, plan = as_json(monkeypatch, capsys, *words)
    assert code == 0
    assert {each["way"] for each in plan["objects"]} == {"stream"}


def test_objects_have_their_parts_of_the_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--changes-per-day", "1000000", "--entitlement", "400000", "--objects", "Case=0.8,Account=0.2")
    _, plan = as_json(monkeypatch, capsys, *words)
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
def test_what_cannot_be_read_is_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(monkeypatch, capsys, "--changes-per-day", "1000", *words)
    assert (code, out) == (EXIT_REFUSED, "")
    assert said in " ".join(err.split())
