"""A column of texts as a column of its field's type, to the last value that fits."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.raw import ERASED_MARK
from transforms.erasure.pages import MARKED
from transforms.ingest.row_pages import GONE, LIVE
from transforms.ingest.typed_columns import typed_values
from transforms.pii import longest_token

ODD = object()
"""In place of a value that does not fit."""


def spec_of(most_bytes: int | None = None, **field: Any) -> ObjectSpec:
    fields = {"F__c": field}
    catalogue = {"objects": {"Thing__c": {"label": "T", "key_prefix": "a0T", "fields": fields}}}
    spec = Catalogue.model_validate(catalogue).object("Thing__c")
    return spec.model_copy(update={"most_bytes": most_bytes})


def read(
    spec: ObjectSpec, texts: list[str | None], *, state: str = LIVE, erased: list[str | None] | None = None
) -> list[Any]:
    """The values, or `ODD`, of a page of so many rows."""
    page = pa.table(
        {"IsDeleted": [state] * len(texts), "F__c": texts}
        | ({} if erased is None else {ERASED_MARK: erased}),
        pa.schema([(name, pa.large_string()) for name in ("IsDeleted", "F__c")])
        if erased is None
        else pa.schema([(name, pa.large_string()) for name in ("IsDeleted", "F__c", ERASED_MARK)]),
    )
    typed, fits = typed_values(page, spec, {})
    values = typed["F__c"].to_pylist()
    return [value if good else ODD for value, good in zip(values, fits.tolist(), strict=True)]


TOKEN = longest_token(3) * "t"
CASES = [
    pytest.param(
        {"type": "string", "length": 3},
        ["abc", "abcd", "üüü", None, "a\x00b", "\x00"],
        ["abc", ODD, "üüü", None, ODD, ODD],
        id="a text of its length, of any character but NUL",
    ),
    pytest.param(
        {"type": "string", "length": 3, "most_bytes": 4},
        ["üü", "üüa", "abc", None],
        ["üü", ODD, "abc", None],
        id="a text of the warehouse's bytes",
    ),
    pytest.param(
        {"type": "string", "length": 3, "values": ["a"]}, ["a", "b", None], ["a", ODD, None], id="a rule"
    ),
    pytest.param(
        {"type": "string", "length": 3, "pii": "personal"},
        [TOKEN, TOKEN + "t", None],
        [TOKEN, ODD, None],
        id="a token as long as one of the longest text",
    ),
    pytest.param(
        {"type": "string", "length": 3, "pii": "personal", "most_bytes": 20},
        [20 * "t", 21 * "t", None],
        [20 * "t", ODD, None],
        id="a token of the warehouse's bytes",
    ),
    pytest.param(
        {"type": "reference", "references": ["User"]},
        ["005" + 15 * "0", "005" + 16 * "0", None],
        ["005" + 15 * "0", ODD, None],
        id="an id",
    ),
    pytest.param(
        {"type": "boolean"}, ["true", "false", "maybe", None], [True, False, ODD, None], id="a truth"
    ),
    pytest.param(
        {"type": "int"},
        ["1234567890123456", "10.0", "1.5", str(2**63 - 1), str(-(2**63)), str(2**63), None],
        [1_234_567_890_123_456, 10, ODD, 2**63 - 1, -(2**63), ODD, None],
        id="a whole number of 64 bits",
    ),
    pytest.param(
        {"type": "double"},
        ["1.5", "123456789012345", "-123456789012345", "NaN", "1e400", "high", None],
        [1.5, 123_456_789_012_345.0, -123_456_789_012_345.0, ODD, ODD, ODD, None],
        id="a number of 15 digits",
    ),
    pytest.param({"type": "double"}, [None, "1234567890123456"], [None, ODD], id="one of 16 digits"),
    pytest.param(
        {"type": "double"},
        ["-9007199254740993", "9007199254740992", "1.25"],
        [ODD, 9_007_199_254_740_992.0, 1.25],
        id="the first of 16 digits alone",
    ),
    pytest.param(
        {"type": "currency"},
        ["1.23", "9999999999999999.99", "-9999999999999999.99", None],
        [Decimal("1.23"), Decimal("9999999999999999.99"), Decimal("-9999999999999999.99"), None],
        id="an amount of 18 digits",
    ),
    pytest.param(
        {"type": "currency"},
        ["1.23", "1.005", "1.015", "1.025", None],
        [Decimal("1.23"), ODD, Decimal("1.02"), Decimal("1.02"), None],
        id="the first of the rounded amounts alone",
    ),
    pytest.param(
        {"type": "currency"},
        ["10000000000000000", "-10000000000000000", "9999999999999999.995", "much", None, "1.23"],
        [ODD, ODD, ODD, ODD, None, Decimal("1.23")],
        id="an amount of more digits",
    ),
    pytest.param({"type": "currency"}, ["1" + 38 * "0", 77 * "1"], [ODD, ODD], id="an endless amount"),
    pytest.param(
        {"type": "date"}, ["2026-02-28", "2026-02-30", None], [date(2026, 2, 28), ODD, None], id="a date"
    ),
    pytest.param(
        {"type": "datetime"},
        ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2026-01-01T00:00:00.000", None],
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
            ODD,
            None,
        ],
        id="a time of the years 1 to 9999",
    ),
    pytest.param(
        {"type": "datetime"},
        ["0001-01-01T00:00:00.000+00:01", "9999-12-31T23:59:59.999-00:01", "1970-01-01T00:00:00.000Z"],
        [ODD, ODD, datetime(1970, 1, 1, tzinfo=UTC)],
        id="a time of another year in UTC",
    ),
    pytest.param(
        {"type": "time"},
        ["23:59:59.999Z", "24:00:00.000Z", "12:00:00.000", None],
        ["23:59:59.999", ODD, ODD, None],
        id="a time of the day",
    ),
]


@pytest.mark.parametrize(("field", "texts", "values"), CASES)
def test_a_column_holds_the_values_that_fit_and_no_other(
    field: dict[str, Any], texts: list[str | None], values: list[Any]
) -> None:
    spec = spec_of(**field)
    assert read(spec, texts) == values
    # one by one as in company, but for what is noted once a column
    for text, value in zip(texts, values, strict=True):
        assert value is ODD or read(spec, [text]) in ([value], [ODD])


@pytest.mark.parametrize("kind", ["boolean", "int", "double", "currency", "date", "datetime", "time"])
def test_a_column_of_nothing_fits(kind: str) -> None:
    assert read(spec_of(type=kind), []) == []
    assert read(spec_of(type=kind), [None, None]) == [None, None]


def test_a_required_value_is_missed_unless_the_record_is_gone() -> None:
    spec = spec_of(type="string", length=3, required=True)
    assert read(spec, ["a", None]) == ["a", ODD]
    assert read(spec, [None], state=GONE) == [None]


@pytest.mark.parametrize(("kind", "left"), [("string", None), ("int", ODD)])
def test_a_required_value_that_an_erasure_took_is_not_missed_and_one_that_it_keeps_is(
    kind: str, left: Any
) -> None:
    spec = spec_of(type=kind, required=True)
    assert read(spec, [None, None], erased=[MARKED, None]) == [left, ODD]
    assert read(spec, [None], state=GONE, erased=[None]) == [None]


def test_a_field_that_the_page_lacks_is_left_out() -> None:
    page = pa.table({"IsDeleted": pa.array([LIVE], pa.large_string())})
    typed, fits = typed_values(page, spec_of(type="string", required=True), {})
    assert (typed, fits.tolist()) == ({}, [True])
