"""The sentence of a verdict says how deep the proof went, and whether it was allowed to repair."""

from datetime import UTC, datetime

import pytest

from schemas.reconcile import Depth, Isolated, ReconcileState, Verdict

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def state(**facts: object) -> ReconcileState:
    about = {"org": "o", "object": "Case", "window": "w", "run": "r", "stage": "done", "as_of": AT}
    return ReconcileState.model_validate({**about, "depth": Depth.BUCKETS, **facts})


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"verdict": Verdict.EQUAL, "depth": Depth.FIELDS, "repairs": False},
            "equal as of 2026-11-24 10:00:00 UTC, by fields without repair",
        ),
        (
            {"verdict": Verdict.REPAIRED, "repairs": True},
            "repaired, equal as of 2026-11-24 10:00:00 UTC, by buckets with repair",
        ),
        ({"verdict": Verdict.DIFFERS}, "differs as of 2026-11-24 10:00:00 UTC, by buckets"),
        (
            {"verdict": Verdict.ISOLATED, "isolated": Isolated(records=1, fields=2), "repairs": True},
            "equal but for 2 isolated fields of 1 record, named in the report, as of 2026-11-24 10:00:00 UTC, "
            "by buckets with repair",
        ),
        ({"repairs": True, "stage": "asking"}, "asking"),
    ],
)
def test_a_verdict_names_its_depth_and_whether_it_repaired(facts: dict[str, object], sentence: str) -> None:
    assert state(**facts).sentence() == sentence
