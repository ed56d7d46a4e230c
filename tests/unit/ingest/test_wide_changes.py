"""Changes that are too wide for a row: the last of their fields are left out and named, and nothing
else of them changes.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import Finding, Rule, Severity
from schemas.tables import arrow_schema, staged_columns
from tests.support.builders.examples import examples
from transforms.ingest.wide_rows import fitted, overflow, room, widths
from transforms.quality import findings

COUNT = 301
KINDS = {"A__c": "boolean", "B__c": "int", "C__c": "double", "D__c": "date", "E__c": "datetime"}
FIELDS: dict[str, Any] = {
    **{name: {"type": kind} for name, kind in KINDS.items()},
    "M__c": {"type": "currency"},
    **{f"F{place}__c": {"type": "textarea", "length": 9_000} for place in range(COUNT - len(KINDS) - 1)},
}
WIDE = Catalogue.model_validate(
    {"objects": {"Wide__c": {"label": "w", "key_prefix": "a0y", "fields": FIELDS}}}
)
BYTES = 60
"""For values, in a row."""
SPEC: ObjectSpec = WIDE.object("Wide__c").model_copy(update={"most_row_bytes": 24 + COUNT // 8 + BYTES})
COLUMNS = list(SPEC.columns.values())
SCHEMA = arrow_schema(staged_columns(SPEC))
AT = datetime(2026, 11, 1, tzinfo=UTC)
ROUNDED = findings.written((Finding("B__c", "b", Rule.ROUNDED, Severity.NOTE, "rounded"),))
VALUES = {
    "a": st.booleans(), "b": st.just(7), "c": st.just(1.5), "d": st.just(date(2026, 1, 1)),
    "e": st.just(AT), "m": st.sampled_from([Decimal("0.01"), Decimal("9999999999999999.99")]),
    **{f"f{place}": st.sampled_from(["a", 23 * "b", 24 * "c", 40 * "d", "é"]) for place in range(4)},
}  # fmt: skip


def changes_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Changes with these values, each of a record of its own."""
    head = {"change_order": "1", "change_type": "update", "changed_fields": "", "batch": "b"}
    return pa.Table.from_pylist(
        [
            head | {"record_id": f"a0y{place:015d}", "changed_at": AT, "received_at": AT} | row
            for place, row in enumerate(rows)
        ],
        SCHEMA,
    )


def rows_of() -> st.SearchStrategy[list[dict[str, Any]]]:
    told = st.sampled_from([None, ROUNDED])
    one = st.fixed_dictionaries({}, optional={**VALUES, "field_findings": told})
    return st.lists(one, max_size=5)


@settings(max_examples=examples(60), deadline=None)
@given(rows_of())
def test_each_change_loses_what_does_not_fit_its_row_and_nothing_else(rows: list[dict[str, Any]]) -> None:
    changes = changes_of(rows)
    for before, after in zip(changes.to_pylist(), fitted(changes, SPEC).to_pylist(), strict=True):
        left_out = {COLUMNS[place] for place in overflow([before[each] for each in COLUMNS], SPEC)}
        told = findings.read(before.pop("field_findings") or "[]")
        found = findings.read(after.pop("field_findings") or "[]")
        assert found[: len(told)] == told
        assert {each.column for each in found[len(told) :]} == left_out
        assert {each.rule for each in found[len(told) :]} <= {Rule.TOO_WIDE}
        assert after.pop("isolated_fields") == (",".join(sorted(left_out)) or None)
        before.pop("isolated_fields")
        assert after == before | dict.fromkeys(left_out)


@settings(max_examples=examples(60), deadline=None)
@given(rows_of())
def test_a_change_that_is_counted_as_fitting_fits(rows: list[dict[str, Any]]) -> None:
    changes = changes_of(rows)
    for width, row in zip(widths(changes, SPEC).tolist(), changes.to_pylist(), strict=True):
        assert width > room(SPEC) or overflow([row[each] for each in COLUMNS], SPEC) == []


@pytest.mark.parametrize(
    ("values", "width"),
    [
        ({}, 0),
        ({"f0": ""}, 1),
        ({"f0": "abc"}, 4),
        ({"f0": "éé"}, 5),
        ({"f0": 23 * "x"}, 24),
        ({"f0": 24 * "x"}, 27),
        ({"f0": 9_000 * "x"}, 27),
        ({"a": False}, 1),
        ({"d": date(2026, 1, 1)}, 7),
        ({"m": Decimal("0.01")}, 15),
        ({"b": 7}, 15),
        ({"c": 1.5}, 15),
        ({"e": AT}, 15),
        ({"b": 7, "f0": "abc", "f1": "d"}, 21),
    ],
)
def test_a_change_is_as_wide_as_its_values_at_their_most(values: dict[str, Any], width: int) -> None:
    assert widths(changes_of([{}, values]), SPEC).tolist() == [0, width]


def test_a_field_that_is_left_out_is_named_with_what_its_row_holds() -> None:
    (change,) = fitted(changes_of([{f"f{place}": 24 * "x" for place in range(4)}]), SPEC).to_pylist()
    (found,) = findings.read(change["field_findings"])
    assert (found.field, found.column, found.severity) == ("F3__c", "f3", Severity.ISOLATE)
    assert f"({SPEC.most_row_bytes} bytes)" in found.detail


def test_changes_that_fit_are_the_same_table() -> None:
    fits = changes_of([{"f0": "a"}, {}])
    assert fitted(fits, SPEC) is fits
    assert fitted(changes_of([]), SPEC).num_rows == 0
    wide = changes_of([{f"f{place}": 24 * "x" for place in range(4)}])
    assert fitted(wide, SPEC.model_copy(update={"most_row_bytes": None})) is wide
