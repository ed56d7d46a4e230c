"""A finding is open until a later change carries its field and keeps its rule, in whatever order
the changes come.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from clients.warehouse.sql.quality import FOUND_COLUMNS
from schemas.ingest.change_types import CREATE, DELETE, UPDATE
from schemas.quality import Finding, Rule, Severity
from schemas.tables import arrow_schema
from tests.support.builders.changes import SPEC
from transforms.quality.findings import read, written
from transforms.quality.open_findings import (
    ChangePlace,
    FoundChange,
    OpenFinding,
    change_places,
    found_changes,
    found_table,
    gathered,
    logged_places,
    settled,
    with_answer,
)

AT = datetime(2026, 9, 21, tzinfo=UTC)
WRONG = Finding("A__c", "a", Rule.VALUES, Severity.ISOLATE, "none of the list")
NOTED = Finding("B__c", "b", Rule.MAX, Severity.WARN, "too much")
GONE = Finding("Gone__c", None, Rule.PATTERN, Severity.WARN, "of a field that was removed")
UNKNOWN = Finding("New__c", None, Rule.UNKNOWN_FIELD, Severity.ISOLATE, "the catalogue lacks it")
FINDINGS = (WRONG, NOTED, GONE)


class Made(NamedTuple):
    """A change, as staging writes it."""

    number: int
    record: str = "r1"
    kind: str = UPDATE
    changed: tuple[str, ...] | None = ("a",)
    diffs: tuple[str, ...] = ()
    found: tuple[Finding, ...] = ()

    @property
    def order(self) -> str:
        return f"{self.number:03d}"

    def carries(self, finding: Finding) -> bool:
        if self.kind == DELETE:
            return finding.severity is not Severity.ISOLATE
        if self.changed is None or finding is GONE:
            return True
        return finding.column in self.changed and finding.column not in self.diffs


def table(changes: Sequence[Made]) -> pa.Table:
    names = ("change_order", "record_id", "change_type", "changed_fields", "diff_fields", "field_findings")
    rows = [
        {
            **dict.fromkeys(names),
            "change_order": each.order,
            "record_id": each.record,
            "change_type": each.kind,
            "changed_fields": None if each.changed is None else ",".join(each.changed),
            "diff_fields": ",".join(each.diffs) or None,
            "field_findings": written(each.found) if each.found else None,
            "batch": f"batch {each.number}",
        }
        for each in changes
    ]
    text = pa.large_string()
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, text) for name in (*names, "batch")]))


@st.composite
def changes(draw: st.DrawFn) -> list[Made]:
    """Changes of two records in any order of coming."""
    made = []
    for number in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from([CREATE, UPDATE, UPDATE, DELETE]))
        changed = None if kind == CREATE else tuple(draw(st.sets(st.sampled_from("abc"))))
        diffs = tuple(draw(st.sets(st.sampled_from(changed)))) if changed else ()
        found = tuple(draw(st.sets(st.sampled_from(FINDINGS)))) if kind != DELETE else ()
        record = draw(st.sampled_from(["r1", "r2"]))
        made.append(Made(number, record, kind, changed if kind != DELETE else (), diffs, found))
    return list(draw(st.permutations(made)))


def answer(changes: Sequence[Made], record: str, finding: Finding, after: str) -> str | None:
    """The batch of the first later change that carries the field and keeps the rule."""
    later = sorted(each for each in changes if each.record == record and each.order > after)
    good = [each for each in later if each.carries(finding) and finding not in each.found]
    return f"batch {good[0].number}" if good else None


def broken(changes: Sequence[Made], record: str, finding: Finding) -> list[Made]:
    return sorted(each for each in changes if each.record == record and finding in each.found)


@given(changes())
def test_a_finding_is_answered_by_the_first_change_after_its_newest_one_that_is_good(
    made: list[Made],
) -> None:
    places = change_places(table(made), {"r1", "r2"})
    rows = {row.key: with_answer(row, places, SPEC) for row in gathered(found_changes(table(made)))}
    expected = {}
    for record in ("r1", "r2"):
        for finding in FINDINGS:
            if times := broken(made, record, finding):
                last = times[-1]
                expected[record, finding.field, str(finding.rule)] = OpenFinding(
                    (record, finding.field, str(finding.rule)),
                    finding,
                    last.order,
                    f"batch {last.number}",
                    len(times),
                    answer(made, record, finding, last.order),
                )
    assert rows == expected


@given(changes(), st.integers(-1, 9), st.sampled_from(FINDINGS))
def test_an_open_finding_is_settled_by_a_group_that_ends_well(
    made: list[Made], number: int, finding: Finding
) -> None:
    order = f"{number:03d}" if number >= 0 else ""
    places = change_places(table(made), {"r1", "r2"})
    row = ("r1", finding.field, str(finding.rule), order, str(finding.severity))
    last = max([order, *(each.order for each in broken(made, "r1", finding))])
    batch = answer(made, "r1", finding, last)
    named = dict(zip(("record_id", "field", "rule"), row, strict=False))
    wanted = [] if batch is None else [{**named, "batch": batch}]
    assert list(settled([row], places, SPEC)) == wanted


def test_a_finding_is_not_answered_by_a_change_of_its_own_place() -> None:
    row = ("r1", "A__c", "values", "002", "isolate")
    for number, answers in ((1, 0), (2, 0), (3, 1)):
        places = change_places(table([Made(number)]), {"r1"})
        assert len(list(settled([row], places, SPEC))) == answers


def test_only_records_that_are_asked_for_have_places() -> None:
    made = [Made(2), Made(1), Made(3, "r2")]
    assert [each.order for each in change_places(table(made), {"r1"})["r1"]] == ["001", "002"]
    assert change_places(table(made), {"r1"}).keys() == {"r1"}


def test_logged_changes_answer_as_changes_of_a_group_do() -> None:
    rows = [
        ("r1", "001", UPDATE, "a,c", "c"),
        ("r1", "002", CREATE, None, None),
        ("r1", "003", DELETE, "", None),
    ]
    assert logged_places(rows, "now") == {
        "r1": [
            ChangePlace("001", frozenset("a"), "now", frozenset()),
            ChangePlace("002", None, "now", frozenset()),
            ChangePlace("003", frozenset(), "now", frozenset(), is_delete=True),
        ]
    }


def test_a_finding_about_a_field_as_such_is_one_row_and_nothing_answers_it() -> None:
    found = [FoundChange(record, order, "b", (UNKNOWN,)) for record, order in (("r1", "2"), ("r2", "1"))]
    (row,) = gathered(found)
    assert (row.key, row.order, row.seen) == (("", "New__c", "unknown_field"), "2", 2)
    places = {name: [ChangePlace("9", None, "b", frozenset())] for name in ("", "r1", "r2")}
    assert with_answer(row, places, SPEC) == row
    open_row = ("r1", "New__c", "unknown_field", "1", "isolate")
    assert list(settled([open_row], places, SPEC)) == []


def test_changes_without_findings_are_left_out() -> None:
    found = found_changes(table([Made(1), Made(2, found=(WRONG, NOTED))]))
    assert found == [FoundChange("r1", "002", "batch 2", (WRONG, NOTED))]


@pytest.mark.parametrize("answered_by", [None, "batch 7"])
def test_a_row_is_resolved_when_it_is_answered(answered_by: str | None) -> None:
    row = OpenFinding(("r1", "A__c", "values"), WRONG, "002", "batch 2", 3, answered_by)
    (stored,) = found_table([row], "Thing__c", AT, arrow_schema(FOUND_COLUMNS)).to_pylist()
    wanted: dict[str, Any] = {
        "object": "Thing__c",
        "record_id": "r1",
        "field": "A__c",
        "rule": "values",
        "severity": "isolate",
        "detail": "none of the list",
        "change_order": "002",
        "batch": "batch 2",
        "seen": 3,
        "first_seen_at": AT,
        "last_seen_at": AT,
        "resolved_at": answered_by and AT,
        "resolved_by": answered_by,
    }
    assert {name: stored[name] for name in wanted} == wanted


def test_findings_travel_as_a_text() -> None:
    every = (WRONG, NOTED, GONE, UNKNOWN)
    assert read(written(every)) == every
    long = WRONG._replace(detail="x" * 501)
    assert read(written((long,))) == (WRONG._replace(detail="x" * 500),)
