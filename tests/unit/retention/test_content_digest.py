"""A digest tells rows apart, and not how they lie in memory."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from transforms.retention.content_digest import content_digest

KINDS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "text": (pa.string(), ["", "a", "ab", "\x1f", "ß"]),
    "large_text": (pa.large_string(), ["", "a", "ab", "\x1f", "ß"]),
    "flag": (pa.bool_(), [False, True]),
    "amount": (pa.decimal128(18, 2), [Decimal("0.00"), Decimal("1.50"), Decimal("-1.50")]),
    "day": (pa.date32(), [date(1970, 1, 1), date(1970, 1, 2), date(1969, 12, 31)]),
    "small": (pa.int32(), [0, 1, -1]),
    "number": (pa.int64(), [0, 1, 2**62]),
    "score": (pa.float64(), [0.0, 0.5, -0.5]),
    "moment": (
        pa.timestamp("us", "UTC"),
        [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)],
    ),
}
COLUMNS = st.sampled_from(sorted(KINDS)).flatmap(
    lambda name: st.tuples(st.just(name), st.lists(st.none() | st.sampled_from(KINDS[name][1]), max_size=4))
)


def table(name: str, values: list[Any]) -> pa.Table:
    return pa.table({name: pa.array(values, KINDS[name][0])})


@given(COLUMNS, COLUMNS)
def test_two_columns_have_one_digest_just_when_they_are_equal(
    one: tuple[str, list[Any]], other: tuple[str, list[Any]]
) -> None:
    is_equal = content_digest(table(*one)) == content_digest(table(*other))
    assert is_equal == (one == other)


@pytest.mark.parametrize("name", KINDS)
def test_every_value_of_a_kind_and_null_has_a_digest_of_its_own(name: str) -> None:
    values = [None, *KINDS[name][1]]
    columns = [[], *([one, other] for one in values for other in values)]
    assert len({content_digest(table(name, each)) for each in columns}) == len(columns)


@given(COLUMNS, st.integers(0, 4))
def test_a_digest_is_that_of_the_rows_whatever_buffers_hold_them(
    column: tuple[str, list[Any]], place: int
) -> None:
    name, values = column
    rows = table(name, [*KINDS[name][1], *values])
    cut = rows.slice(place)
    whole = table(name, [*KINDS[name][1], *values][place:])
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert content_digest(cut) == content_digest(whole) == content_digest(pieces)
    assert content_digest(rows.slice(0, place)) == content_digest(table(name, rows[name].to_pylist()[:place]))


def test_a_digest_is_that_of_every_release() -> None:
    """Manifests under lock hold it."""
    columns = [pa.array([None, *values[:2]], kind) for kind, values in KINDS.values()]
    rows = pa.Table.from_arrays(columns, names=list(KINDS))
    assert content_digest(rows) == "268c2df92c94005038c9eab2fe6de8d949973c334029753ea74095dfa1ce974a"


def test_the_names_and_types_of_columns_are_part_of_it() -> None:
    ones = [pa.table({name: pa.array([1], kind)}) for name in "ab" for kind in (pa.int32(), pa.date32())]
    assert len({content_digest(each) for each in ones}) == len(ones)


def test_where_one_text_ends_is_part_of_it() -> None:
    assert content_digest(table("text", ["a", "b"])) != content_digest(table("text", ["ab", ""]))


@pytest.mark.parametrize("values", [[], [None, None]], ids=["no rows", "nulls alone"])
@pytest.mark.parametrize("name", ["text", "large_text"])
def test_texts_without_a_character_have_a_digest(name: str, values: list[Any]) -> None:
    assert len(content_digest(table(name, values))) == 64
