"""A value either fits its field's type, to the character and to the cent, or is refused with the
reason.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.catalogue import FieldSpec, FieldType
from schemas.quality import Rule
from schemas.tables import field_column
from tests.unit.pii.test_protector import JSON, PROTECTOR
from transforms.convert_values import converter
from transforms.misfits import MISFIT, MisfitError, NotedError, landed, with_misfits
from transforms.pii import longest_token

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
    pytest.param("int", -(2**63), -(2**63), id="the smallest whole number"),
    pytest.param("double", 2**54, 2.0**54, id="a large whole number that a double holds"),
    pytest.param("currency", 10**16 - 1, Decimal("9999999999999999.00"), id="an amount of sixteen digits"),
    pytest.param("currency", 90071992547409.9, Decimal("90071992547409.90"), id="a double that holds cents"),
    pytest.param("time", "17:30:00.123456Z", "17:30:00.123", id="a time of day to the microsecond"),
    pytest.param("anyType", False, "false", id="an untruth as a text"),
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
    pytest.param("date", "1700-01-01", date(1700, 1, 1), id="the first date of Salesforce"),
    pytest.param("date", "4000-12-31", date(4000, 12, 31), id="the last date of Salesforce"),
    pytest.param("time", "17:30:00.000Z", "17:30:00.000", id="a time of day"),
    pytest.param("time", "17:30:00Z", "17:30:00.000", id="a time without its thousandths"),
    pytest.param("anyType", 7, "7", id="any number as a text"),
    pytest.param("anyType", True, "true", id="any truth as a text"),
    pytest.param("long", 2**63 - 1, 2**63 - 1, id="a long"),
    pytest.param("id", "001000000000001AAA", "001000000000001AAA", id="an id"),
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


NOTED = [
    pytest.param("string", "a\x00b", "ab", Rule.NUL_REMOVED, {}, id="no warehouse stores NUL"),
    pytest.param(
        "string", 255 * "a" + "\x00", 255 * "a", Rule.NUL_REMOVED, {}, id="without its NUL it is not too long"
    ),
    pytest.param("string", 300 * "a", 255 * "a", Rule.CUT, {"too_long": "cut"}, id="a text that may be cut"),
    pytest.param("currency", 0.30000000000000004, Decimal("0.30"), Rule.ROUNDED, {}, id="a sum of doubles"),
    pytest.param("currency", 33.333333333333336, Decimal("33.33"), Rule.ROUNDED, {}, id="a third"),
    pytest.param("currency", 1234.567, Decimal("1234.57"), Rule.ROUNDED, {}, id="a place too many"),
    pytest.param("currency", 99.999, Decimal("100.00"), Rule.ROUNDED, {}, id="up to the next digit"),
    pytest.param("currency", 0.125, Decimal("0.12"), Rule.ROUNDED, {}, id="half to even"),
    pytest.param("double", 1.005, Decimal("1.00"), Rule.ROUNDED, {"scale": 2}, id="a double with a scale"),
    pytest.param("double", 2**53 + 1, 2.0**53, Rule.ROUNDED, {}, id="more digits than a binary column holds"),
]


@pytest.mark.parametrize(("kind", "value", "expected", "rule", "more"), NOTED)
def test_a_value_that_lands_in_another_form_is_noted(
    kind: str, value: Any, expected: Any, rule: Rule, more: dict[str, Any]
) -> None:
    with pytest.raises(NotedError) as caught:
        read(kind, value, **more)
    assert (caught.value.value, [note.rule for note in caught.value.notes]) == (expected, [rule])


BAD = [
    pytest.param("string", 7, Rule.WRONG_TYPE, id="a number is no text"),
    pytest.param("string", True, Rule.WRONG_TYPE, id="a truth is no text"),
    pytest.param("string", ["a"], Rule.WRONG_TYPE, id="a list is no text"),
    pytest.param("string", 256 * "a", Rule.TOO_LONG, id="a character too many"),
    pytest.param("reference", 19 * "0", Rule.TOO_LONG, id="an id has eighteen characters at most"),
    pytest.param("boolean", 1, Rule.WRONG_TYPE, id="one is not true"),
    pytest.param("boolean", "true", Rule.WRONG_TYPE, id="a text is not true"),
    pytest.param("int", 1.5, Rule.WRONG_TYPE, id="a half is not whole"),
    pytest.param("int", True, Rule.WRONG_TYPE, id="true is no number"),
    pytest.param("int", "7", Rule.WRONG_TYPE, id="digits are a text"),
    pytest.param("int", 2**63, Rule.OUT_OF_RANGE, id="more than 64 bits"),
    pytest.param("int", 1e300, Rule.OUT_OF_RANGE, id="a huge number printed with an exponent"),
    pytest.param("double", "1.5", Rule.WRONG_TYPE, id="a number in quotes"),
    pytest.param("double", False, Rule.WRONG_TYPE, id="false is no number"),
    pytest.param("currency", 10**16, Rule.OUT_OF_RANGE, id="an amount of seventeen digits"),
    pytest.param("currency", 1e300, Rule.OUT_OF_RANGE, id="a huge amount printed with an exponent"),
    *(
        pytest.param(kind, value, Rule.OUT_OF_RANGE, id=f"{kind}: {str(value)[:8]}")
        for kind in ("int", "double", "currency")
        for value in (10**1_000, Decimal("1e1000"), float("inf"), float("nan"))
    ),
    pytest.param("currency", 2**53 / 100, Rule.DIGITS_LOST, id="the first double that may not hold cents"),
    pytest.param("currency", 1234567890123456.7, Rule.DIGITS_LOST, id="more digits than a double is sure of"),
    pytest.param("time", "24:00:00.000Z", Rule.WRONG_TYPE, id="an hour that does not exist"),
    pytest.param("time", 1_000, Rule.WRONG_TYPE, id="a time in milliseconds"),
    pytest.param("anyType", {}, Rule.WRONG_TYPE, id="an object is no value"),
    pytest.param("currency", "1.00", Rule.WRONG_TYPE, id="an amount in quotes"),
    pytest.param("date", "28.02.2026", Rule.WRONG_TYPE, id="a date of another country"),
    pytest.param("date", "2026-02-30", Rule.WRONG_TYPE, id="a day that does not exist"),
    pytest.param("date", 1_790_000_000_000, Rule.WRONG_TYPE, id="a date in milliseconds"),
    pytest.param("datetime", "2026-02-28T01:02:03", Rule.WRONG_TYPE, id="a time without a zone"),
    pytest.param("datetime", "2026-02-28", Rule.WRONG_TYPE, id="a day is no moment"),
    pytest.param("datetime", "0001-01-01T00:00:00+14:00", Rule.OUT_OF_RANGE, id="a moment before the year 1"),
    pytest.param("datetime", 7, Rule.WRONG_TYPE, id="a number is no moment"),
]


@pytest.mark.parametrize(("kind", "value", "reason"), BAD)
def test_a_value_that_does_not_fit_is_named_with_its_rule(kind: str, value: Any, reason: Rule) -> None:
    with pytest.raises(MisfitError) as caught:
        read(kind, value)
    assert caught.value.rule == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("clear text", Rule.WRONG_TYPE, id="not encrypted"),
        pytest.param(PROTECTOR.encrypt(CONTEXT, 7), Rule.WRONG_TYPE, id="encrypted, and no text"),
        pytest.param(
            PROTECTOR.encrypt(CONTEXT, 500 * "a"), Rule.TOO_LONG, id="encrypted, and too long for any text"
        ),
    ],
)
def test_a_protected_field_takes_encrypted_texts_alone(value: str, reason: Rule) -> None:
    with pytest.raises(MisfitError) as caught:
        read("email", value, length=80, pii="personal")
    assert caught.value.rule == reason


def test_a_token_is_as_long_as_its_field_and_the_warehouse_allow() -> None:
    longest = longest_token(80)
    token = "tg1.".ljust(longest, "A")
    take = converter(spec("email", length=80, pii="personal"), most_bytes=longest)
    assert take(token) == read("email", token, length=80, pii="personal") == token
    with pytest.raises(MisfitError, match="longer than the 80 characters of the catalogue"):
        take(token + "A")
    take = converter(spec("email", length=80, pii="personal"), most_bytes=longest - 1)
    with pytest.raises(MisfitError, match=f"{longest} bytes encrypted, the warehouse's longest"):
        take(token)


@pytest.mark.parametrize("character", "aß漢🙂")
def test_a_protected_text_of_the_full_length_fits(character: str) -> None:
    token = PROTECTOR.encrypt(CONTEXT, 80 * character)
    assert read("email", token, length=80, pii="personal") == token


@pytest.mark.parametrize("scale", [0, 3, 17])
def test_numbers_of_eighteen_digits_keep_every_digit(scale: int) -> None:
    number = Decimal(123_456_789_012_345_678).scaleb(-scale)
    assert read("double", number, scale=scale) == number
    assert read("double", int(number), scale=0) == int(number)


def test_a_text_is_no_longer_than_the_warehouse_takes() -> None:
    take = converter(spec("textarea", length=32_000), most_bytes=65_535)
    assert take(21_845 * "漢") == 21_845 * "漢"
    with pytest.raises(MisfitError, match="65538 bytes"):
        take(21_846 * "漢")
    cut = converter(spec("textarea", length=32_000, too_long="cut"), most_bytes=65_535)
    assert landed(cut, 32_000 * "漢") == 21_845 * "漢"


def test_an_id_is_never_cut() -> None:
    with pytest.raises(MisfitError, match="19 characters, the catalogue allows 18"):
        read("reference", 19 * "0", too_long="cut")


def test_a_moment_is_one_of_utc() -> None:
    for text in ("2026-02-28T01:02:03+02:00", "2026-02-28T01:02:03Z"):
        assert read("datetime", text).tzinfo is UTC


def test_a_row_has_a_misfit_for_each_column_that_its_unknown_fields_name() -> None:
    values, columns = ("a", None, 7), ("title", "count", "score")
    assert with_misfits(values, columns, None) == values
    assert with_misfits(values, columns, "score,title") == [MISFIT, None, MISFIT]


@pytest.mark.parametrize(
    ("kind", "value", "more", "detail"),
    [
        ("boolean", None, {}, "expected true or false, got null"),
        ("string", b"", {}, "expected a text, got bytes"),
        ("int", {}, {}, "expected a whole number, got an object"),
        ("currency", 10**16, {}, "more than 16 digits before the point"),
        ("email", "clear", {"pii": "personal"}, "expected a text, got a text"),
        ("email", "tg1x.1.A", {"pii": "personal"}, "expected a text, got an encrypted value of another type"),
        ("int", "tg1.1.A", {"pii": "personal"}, "expected what is no text, got an encrypted value"),
    ],
)
def test_a_refusal_names_what_was_expected_and_what_came(
    kind: str, value: Any, more: dict[str, Any], detail: str
) -> None:
    with pytest.raises(MisfitError, match=detail):
        read(kind, value, **more)


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
    """A value that is neither refused nor storable would stop every batch that holds it."""
    field = spec(kind)
    fits = landed(converter(field), value)
    if fits is MISFIT:
        return
    assert pa.array([fits], field_column("c", field).arrow).null_count == 0


@given(st.integers(-(10**17) + 1, 10**17 - 1))
def test_an_amount_comes_through_to_the_cent(cents: int) -> None:
    amount = cents / 100
    # A double holds fifteen digits for certain; what Salesforce could not mean is not asked for.
    if abs(cents) < 10**15:
        assert read("currency", amount) == Decimal(cents).scaleb(-2)
