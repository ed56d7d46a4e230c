"""Archived rows beside the table's: nothing that would be lost is overlooked."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from transforms.retention.compare_rows import Compared, Erasable, compare_rows

SCHEMA = pa.schema(
    [
        ("record_id", pa.large_string()),
        ("change_order", pa.large_string()),
        ("amount", pa.decimal128(18, 2)),
        ("due", pa.date32()),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("open", pa.bool_()),
        ("score", pa.float64()),
    ]
)


def row(record: str, order: str = "1", **changed: Any) -> dict[str, Any]:
    values = {
        "amount": Decimal("1.50"),
        "due": date(2026, 1, 31),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "open": True,
        "score": 0.5,
    }
    return {"record_id": record, "change_order": order, **values, **changed}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def compare(archived: pa.Table, live: pa.Table, gone: frozenset[str] = frozenset()) -> Compared:
    erasable = Erasable("record_id", gone, {"amount", "due"})
    return compare_rows(archived, live, keys=("record_id", "change_order"), erasable=erasable)


def test_equal_rows_are_safe_to_drop() -> None:
    both = table(row("a"), row("a", "2", amount=None), row("b"))
    assert compare(both, both) == Compared(3, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "changed", [{"amount": None}, {"open": False}, {"score": 0.6}, {"due": date(2026, 2, 1)}]
)
def test_a_row_that_differs_in_anything_is_not_safe(changed: dict[str, Any]) -> None:
    found = compare(table(row("a"), row("b")), table(row("a"), row("b", **changed)))
    assert (found.differing, found.is_safe) == (1, False)


def test_a_row_without_a_value_on_either_side_is_equal_beside_one_that_differs() -> None:
    archived, live = (
        table(row("a", amount=None), row("b")),
        table(row("a", amount=None), row("b", open=False)),
    )
    assert compare(archived, live) == Compared(1, 0, 1, 0, 0)


def test_of_an_empty_table_nothing_is_missing() -> None:
    assert compare(table(row("a")), table()) == Compared(0, 0, 0, 1, 0)


def test_rows_of_a_table_without_subjects_are_nobodys_who_was_erased() -> None:
    both = table(row("a"), row("b"))
    keys = ("record_id", "change_order")
    assert compare_rows(both, both, keys=keys, erasable=None) == Compared(2, 0, 0, 0, 0)


def test_a_row_that_the_archive_lacks_is_not_safe() -> None:
    found = compare(table(row("a")), table(row("a"), row("b")))
    assert (found.missing, found.is_safe) == (1, False)


def test_a_row_that_has_left_the_table_does_not_matter() -> None:
    found = compare(table(row("a"), row("b")), table(row("a")))
    assert (found.left, found.is_safe) == (1, True)


def test_rows_of_an_erased_person_may_differ_in_the_values_that_were_taken() -> None:
    archived, live = table(row("a", amount=None), row("b")), table(row("a"), row("b"))
    assert compare(archived, live, frozenset({"a"})) == Compared(1, 0, 0, 0, 1)


@pytest.mark.parametrize("changed", [{"open": False}, {"score": None}])
def test_rows_of_an_erased_person_may_differ_in_nothing_else(changed: dict[str, Any]) -> None:
    found = compare(table(row("a"), row("b")), table(row("a", **changed), row("b")), frozenset({"a"}))
    assert (found.differing, found.is_safe) == (1, False)


def test_a_row_of_an_erased_person_that_the_archive_lacks_is_not_safe() -> None:
    found = compare(table(row("b")), table(row("a"), row("b")), frozenset({"a"}))
    assert (found.missing, found.is_safe) == (1, False)


def test_rows_of_others_may_not_differ_in_values_that_an_erasure_takes() -> None:
    found = compare(table(row("a"), row("b")), table(row("a"), row("b", amount=None)), frozenset({"a"}))
    assert (found.differing, found.is_safe) == (1, False)


def test_rows_of_a_table_without_subjects_must_be_equal() -> None:
    archived, live = table(row("a")), table(row("a", amount=None))
    found = compare_rows(archived, live, keys=("record_id", "change_order"), erasable=None)
    assert (found.differing, found.is_safe) == (1, False)
