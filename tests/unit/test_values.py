"""A value either fits its field's type, to the character and to the cent, or is refused with the reason."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.catalogue import FieldSpec, FieldType
from schemas.tables import field_column
from tests.unit.test_protect import JSON, PROTECTOR
from transforms.values import TOO_LONG, WRONG_TYPE, MisfitError, converter

CONTEXT = "Contact.Email"


def spec(kind: str, **more: Any) -> FieldSpec:
    more |= {"references": ("Account",)} if kind == "reference" else {}
    return FieldSpec.model_validate({"type": kind, **more})


def read(kind: str, value: Any, **more: Any) -> Any:
    return converter(spec(kind, **more))(value)


GOOD = [
    pytest.param("string", "", "", id="an empty text is a text"),
    pytest.param("string", " a\r\nb\t", " a\r\nb\t", id="blanks and breaks are kept"),
    pytest.param("string", 255 * "漢", 255 * "漢", id="the length counts characters"),
    pytest.param("reference", "001000000000001AAA", "001000000000001AAA", id="a reference"),
    pytest.param("multipicklist", "a;b", "a;b", id="choices stay one text"),
    pytest.param("boolean", False, False, id="false is a value"),
    pytest.param("int", 0, 0, id="zero is a value"),
    pytest.param("int", 10.0, 10, id="a whole number printed with a point"),
    pytest.param("int", 2**63 - 1, 2**63 - 1, id="the largest whole number"),
    pytest.param("double", 7, 7.0, id="a whole number is a number"),
    pytest.param("percent", 12.5, 12.5, id="a percentage as Salesforce shows it"),
    pytest.param("currency", 0.1, Decimal("0.10"), id="a tenth is exact"),
    pytest.param(
        "currency", 1234567890123.45, Decimal("1234567890123.45"), id="a large amount keeps its cents"
    ),
    pytest.param("currency", -3, Decimal("-3.00"), id="a negative amount"),
    pytest.param("currency", 1e3, Decimal("1000.00"), id="an amount with an exponent"),
    pytest.param("date", "2026-02-28", date(2026, 2, 28), id="a date"),
    pytest.param("datetime", "2026-02-28T01:02:03Z", datetime(2026, 2, 28, 1, 2, 3, tzinfo=UTC), id="UTC"),
    pytest.param(
        "datetime", "2026-02-28T01:02:03.000+0200", datetime(2026, 2, 27, 23, 2, 3, tzinfo=UTC), id="a zone"
    ),
]


@pytest.mark.parametrize(("kind", "value", "expected"), GOOD)
def test_a_value_that_fits_keeps_its_meaning(kind: str, value: Any, expected: Any) -> None:
    found = read(kind, value)
    assert found == expected
    assert type(found) is type(expected)


BAD = [
    pytest.param("string", 7, WRONG_TYPE, id="a number is no text"),
    pytest.param("string", True, WRONG_TYPE, id="a truth is no text"),
    pytest.param("string", ["a"], WRONG_TYPE, id="a list is no text"),
    pytest.param("string", "a\x00b", WRONG_TYPE, id="no warehouse stores NUL"),
    pytest.param("string", 256 * "a", TOO_LONG, id="a character too many"),
    pytest.param("reference", 19 * "0", TOO_LONG, id="an id has eighteen characters at most"),
    pytest.param("boolean", 1, WRONG_TYPE, id="one is not true"),
    pytest.param("boolean", "true", WRONG_TYPE, id="a text is not true"),
    pytest.param("int", 1.5, WRONG_TYPE, id="a half is not whole"),
    pytest.param("int", True, WRONG_TYPE, id="true is no number"),
    pytest.param("int", "7", WRONG_TYPE, id="digits are a text"),
    pytest.param("int", 2**63, WRONG_TYPE, id="more than 64 bits"),
    pytest.param("int", 1e300, WRONG_TYPE, id="a huge number printed with an exponent"),
    pytest.param("double", "1.5", WRONG_TYPE, id="a number in quotes"),
    pytest.param("double", False, WRONG_TYPE, id="false is no number"),
    pytest.param("currency", 0.001, WRONG_TYPE, id="a tenth of a cent"),
    pytest.param("currency", 1e16, WRONG_TYPE, id="an amount of seventeen digits"),
    pytest.param("currency", "1.00", WRONG_TYPE, id="an amount in quotes"),
    pytest.param("date", "28.02.2026", WRONG_TYPE, id="a date of another country"),
    pytest.param("date", "2026-02-30", WRONG_TYPE, id="a day that does not exist"),
    pytest.param("date", 1_790_000_000_000, WRONG_TYPE, id="a date in milliseconds"),
    pytest.param("datetime", "2026-02-28T01:02:03", WRONG_TYPE, id="a time without a zone"),
    pytest.param("datetime", "2026-02-28", WRONG_TYPE, id="a day is no moment"),
    pytest.param("datetime", "0001-01-01T00:00:00+14:00", WRONG_TYPE, id="a moment before the year 1"),
    pytest.param("datetime", 7, WRONG_TYPE, id="a number is no moment"),
]


@pytest.mark.parametrize(("kind", "value", "reason"), BAD)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(MisfitError) as caught:
        read(kind, value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("clear text", WRONG_TYPE, id="not encrypted"),
        pytest.param(PROTECTOR.encrypt(CONTEXT, 7), WRONG_TYPE, id="encrypted, and no text"),
        pytest.param(
            PROTECTOR.encrypt(CONTEXT, 500 * "a"), TOO_LONG, id="encrypted, and too long for any text"
        ),
    ],
)
def test_a_protected_field_takes_encrypted_texts_alone(value: str, reason: str) -> None:
    with pytest.raises(MisfitError) as caught:
        read("email", value, length=80, pii="personal")
    assert caught.value.reason == reason


@pytest.mark.parametrize("character", "aß漢🙂")
def test_a_protected_text_of_the_full_length_fits(character: str) -> None:
    token = PROTECTOR.encrypt(CONTEXT, 80 * character)
    assert read("email", token, length=80, pii="personal") == token


def test_an_amount_has_the_places_of_the_catalogue() -> None:
    assert read("currency", 0.0125, scale=4) == Decimal("0.0125")


@pytest.mark.parametrize("kind", FieldType)
def test_a_refusal_does_not_show_a_text(kind: FieldType) -> None:
    with pytest.raises(MisfitError) as caught:
        read(kind, "hush" + 10_000 * "!")
    assert "hush" not in str(caught.value)


@settings(max_examples=40)
@pytest.mark.parametrize("kind", FieldType)
@given(value=JSON.filter(lambda value: value is not None))
def test_whatever_fits_can_be_stored(kind: FieldType, value: Any) -> None:
    """What is neither refused nor storable would stop every batch that holds it."""
    field = spec(kind)
    try:
        fits = converter(field)(value)
    except MisfitError:
        return
    assert pa.array([fits], field_column("c", field).arrow).null_count == 0


@given(st.integers(-(10**17) + 1, 10**17 - 1))
def test_an_amount_comes_through_to_the_cent(cents: int) -> None:
    amount = cents / 100
    # A double holds fifteen digits for certain; what Salesforce could not mean is not asked for.
    if abs(cents) < 10**15:
        assert read("currency", amount) == Decimal(cents).scaleb(-2)
