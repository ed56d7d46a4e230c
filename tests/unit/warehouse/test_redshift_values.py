"""Rows of Redshift as values of an INSERT: what goes so, and what goes by COPY."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from clients.warehouse.redshift_values import MOST_VALUES, inserted_values, text_bytes, typed_rows
from schemas.catalogue import FieldSpec
from schemas.tables import CHANGE_ORDER, RECORD_ID, Column, Kind, field_column, most_text_bytes
from transforms.convert_values import converter
from transforms.misfits import MisfitError

TEXT = (Column("t", Kind.TEXT),)


def values(kind: Kind, value: Any) -> str | None:
    column = (Column("v", kind, scale=2 if kind is Kind.DECIMAL else 0),)
    return inserted_values(
        column, typed_rows("t", column, pa.table({"v": pa.array([value], column[0].arrow)}))
    )


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.TEXT, "it's", "('it''s')"),
        (Kind.TEXT, None, "(NULL)"),
        (Kind.BOOLEAN, False, "(FALSE)"),
        (Kind.INTEGER, -(2**62), "(-4611686018427387904)"),
        (Kind.DOUBLE, 1e300, "(CAST('1e+300' AS DOUBLE PRECISION))"),
        (Kind.DECIMAL, Decimal("1E+3"), "(1000.00)"),
        (Kind.DATE, date(999, 1, 2), "(CAST('0999-01-02' AS DATE))"),
        (
            Kind.TIMESTAMP,
            datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC),
            "(CAST('2026-01-31 12:00:00.250000+00:00' AS TIMESTAMPTZ))",
        ),
    ],
)
def test_a_value_is_written_as_its_kind(kind: Kind, value: Any, expected: str) -> None:
    assert values(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.TEXT, "a\\b"), (Kind.DOUBLE, float("nan")), (Kind.DOUBLE, float("-inf"))],
)
def test_what_a_statement_might_misread_is_copied(kind: Kind, value: Any) -> None:
    assert values(kind, value) is None


def test_many_values_are_copied() -> None:
    some = pa.table({"t": ["x"] * MOST_VALUES})
    assert inserted_values(TEXT, typed_rows("t", TEXT, some)) is not None
    more = pa.table({"t": ["x"] * (MOST_VALUES + 1)})
    assert inserted_values(TEXT, typed_rows("t", TEXT, more)) is None


def test_long_texts_are_copied() -> None:
    long = pa.table({"t": ["x" * 60_000] * 20})
    assert inserted_values(TEXT, typed_rows("t", TEXT, long)) is None


@pytest.mark.parametrize(
    ("spec", "most"),
    [
        ({"type": "string", "length": 255}, 1_020),
        ({"type": "id"}, 18),
        ({"type": "reference", "references": ["Account"]}, 18),
        ({"type": "textarea", "length": 32_000}, 65_535),
        ({"type": "string", "length": 255, "pii": "personal"}, 4_096),
    ],
)
def test_a_field_is_as_wide_as_its_values_in_bytes(spec: dict[str, Any], most: int) -> None:
    assert text_bytes(field_column("f", FieldSpec.model_validate(spec))) == most


def test_our_own_ids_are_one_byte_a_character() -> None:
    assert (text_bytes(RECORD_ID), text_bytes(CHANGE_ORDER)) == (18, 48)


@pytest.mark.parametrize(
    "spec", [{"type": "string", "length": 255}, {"type": "textarea", "length": 131_072}, {"type": "id"}]
)
def test_staging_lets_through_only_what_the_column_takes(spec: dict[str, Any]) -> None:
    field = FieldSpec.model_validate(spec)
    takes = converter(field, 65_535)
    column = text_bytes(field_column("f", field))
    assert column == most_text_bytes(field, 65_535)
    for text in ("中" * (column // 3), "x" * min(column, field.length or column)):
        if len(text) <= (field.length or 18):
            assert takes(text) == text
    with pytest.raises(MisfitError):
        takes("中" * (column // 3 + 1))
