"""A verdict says `equal` or `repaired` only when nothing is left."""

from typing import Any

import pytest

from schemas.reconcile import Depth, Isolated, LogCheck, ReconcileState, Verdict
from transforms.reconcile.verdict import verdict_of


def state(**changed: Any) -> ReconcileState:
    return ReconcileState(
        org="o", object="Case", window="all", run="r", depth=Depth.IDS, stage="done", **changed
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({}, Verdict.EQUAL),
        ({"found": 2, "repaired": 2}, Verdict.REPAIRED),
        ({"log": LogCheck(altered=1, mended=1)}, Verdict.REPAIRED),
        ({"found": 2, "repaired": 1, "left": 1}, Verdict.DIFFERS),
        ({"log": LogCheck(altered=2, mended=1)}, Verdict.DIFFERS),
        ({"trouble": "a repair failed"}, Verdict.DIFFERS),
        ({"isolated": Isolated(records=1, fields=1)}, Verdict.ISOLATED),
        ({"isolated": Isolated(records=1, fields=1), "left": 1}, Verdict.DIFFERS),
    ],
)
def test_a_verdict_is_equal_or_repaired_when_nothing_is_left(found: dict[str, Any], verdict: Verdict) -> None:
    assert verdict_of(state(**found), repairs=True) is verdict


def test_what_was_found_and_not_repaired_differs() -> None:
    assert verdict_of(state(found=1), repairs=False) is Verdict.DIFFERS
