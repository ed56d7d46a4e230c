"""The bytes that values take in a row of the warehouse, to the byte."""

from datetime import UTC, date, datetime
from decimal import Decimal
from string import ascii_letters
from typing import Any

import pytest

from schemas.catalogue import Catalogue, ObjectSpec
from transforms.ingest.wide_rows import overflow, room

COUNT = 301
"""Fewer fields fit into any row."""
FIELDS: dict[str, Any] = {f"F{place}__c": {"type": "string"} for place in range(COUNT)}
FIELDS["F2__c"]["external_id"] = True
WIDE = Catalogue.model_validate(
    {"objects": {"Wide__c": {"label": "w", "key_prefix": "a0y", "fields": FIELDS}}}
)


def spec(bytes_there: int) -> ObjectSpec:
    """A row of it has so many bytes for values."""
    made = WIDE.object("Wide__c").model_copy(update={"most_row_bytes": 24 + COUNT // 8 + bytes_there})
    assert room(made) == bytes_there
    return made


def left_out(bytes_there: int, *values: Any) -> list[int]:
    return overflow((*values, *[None] * (COUNT - len(values))), spec(bytes_there))


@pytest.mark.parametrize(
    ("values", "size"),
    [
        pytest.param(("abcde",), 6, id="a short text, with its length"),
        pytest.param((23 * "x",), 24, id="the longest that stays"),
        pytest.param((24 * "x",), 18, id="one that is moved out"),
        pytest.param((31 * "x",), 18, id="one that is too short to be compressed"),
        pytest.param((32 * "x",), 27, id="one that may be compressed in its place"),
        pytest.param((5_000 * "x",), 27, id="the longest of those"),
        pytest.param((5_001 * "x",), 18, id="a longer one"),
        pytest.param((2 * ascii_letters[:16],), 27, id="one of sixteen letters"),
        pytest.param((2 * ascii_letters[:17],), 18, id="one of more letters"),
        pytest.param((6 * "é",), 13, id="one of two bytes a letter"),
        pytest.param((True,), 1, id="a truth"),
        pytest.param((date(2026, 1, 1),), 7, id="a date"),
        pytest.param((datetime(2026, 1, 1, tzinfo=UTC),), 15, id="a time"),
        pytest.param((7,), 15, id="a number"),
        pytest.param((7, 8), 23, id="two in a run, padded once"),
        pytest.param((7, "a", 8), 32, id="two in two runs, padded twice"),
        pytest.param((7, "a", "a", "a", 8), 36, id="two, padded no more than twice"),
        pytest.param((Decimal("1.00"),), 7, id="a decimal: four digits before its point, four behind"),
        pytest.param((Decimal("12345.6"),), 9, id="eight before, four behind"),
        pytest.param((Decimal("0.0001"),), 5, id="none before, four behind"),
        pytest.param((Decimal("10000"),), 7, id="eight before, none behind"),
    ],
)
def test_a_row_holds_what_takes_just_its_bytes_and_no_byte_more(values: tuple[Any, ...], size: int) -> None:
    assert left_out(size, *values) == []
    assert left_out(size - 1, *values) != []


def test_the_last_in_catalogue_order_go_first_and_what_finds_a_record_goes_last() -> None:
    assert left_out(18, "abcde", "abcde", "abcde", "abcde") == [3]
    assert left_out(12, "abcde", "abcde", "abcde", "abcde") == [1, 3]
    assert left_out(6, "abcde", "abcde", "abcde", None, "abcde") == [0, 1, 4]
    assert left_out(5, "abcde", None, "abcde") == [2, 0]


def test_a_row_without_a_bound_leaves_nothing_out() -> None:
    unbounded = spec(100).model_copy(update={"most_row_bytes": None})
    assert overflow([40 * "x"] * COUNT, unbounded) == []
