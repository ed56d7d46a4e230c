"""Values of a page as JSON would carry them, at the edges of what a number holds, and its CSV."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from schemas.catalogue import Catalogue, FieldSpec, FieldType, Pii
from tests.support.builders.bus import protector
from tests.support.builders.things import SPEC, THING
from transforms import exact_json
from transforms.drift.compare_schema import with_fields
from transforms.ingest.row_pages import (
    count_changes,
    exact_json_value,
    json_value,
    page_of_csv,
    page_of_gone,
    page_of_records,
    protect_page,
    read_csv_texts,
    row_value,
    text_of_json,
)
from transforms.pii import Seal, key_of
from transforms.pii.tokens import has_form


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (FieldType.INT, "7", 7), (FieldType.INT, "10.0", 10), (FieldType.INT, "10.5", 10.5),
        (FieldType.INT, str(2**63 - 1), 2**63 - 1), (FieldType.INT, str(2**63), str(2**63)),
        (FieldType.INT, str(-(2**63)), -(2**63)), (FieldType.INT, str(-(2**63) - 1), str(-(2**63) - 1)),
        (FieldType.INT, "seven", "seven"), (FieldType.BOOLEAN, "TRUE", True), (FieldType.BOOLEAN, "no", "no"),
        (FieldType.DOUBLE, "1.5", 1.5), (FieldType.DOUBLE, 15 * "9", float(15 * "9")),
        (FieldType.DOUBLE, 16 * "9", int(16 * "9")), (FieldType.DOUBLE, "NaN", "NaN"), (FieldType.DOUBLE, "1e999", "1e999"),
        (FieldType.STRING, "7", "7"), (FieldType.STRING, None, None), (FieldType.INT, None, None),
    ],
)  # fmt: skip
def test_a_text_is_the_value_that_an_event_would_carry(kind: FieldType, text: str | None, value: Any) -> None:
    found = json_value(text, kind)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (15 * "9", float(15 * "9")), ("1." + 13 * "3", float("1." + 13 * "3")),
        ("1." + 14 * "3", Decimal("1." + 14 * "3")), ("1." + 40 * "3", Decimal("1." + 40 * "3")),
        ("1." + 41 * "3", float("1." + 41 * "3")), (None, None),
    ],
)  # fmt: skip
def test_a_number_that_a_double_may_not_hold_keeps_its_digits(text: str | None, value: Any) -> None:
    found = row_value(text, FieldType.DOUBLE)
    assert (found, type(found)) == (value, type(value))


def test_a_decimal_of_json_keeps_every_digit_and_others_are_as_ever() -> None:
    money, plain = FieldSpec(type=FieldType.CURRENCY), FieldSpec(type=FieldType.STRING)
    digits = "12345678901234567.89"
    assert exact_json.dumps(exact_json_value(digits, money)).decode() == digits
    assert exact_json_value(None, money) is None
    assert exact_json_value(digits, plain) == digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        ("a", "a"),
        ({"a": [1]}, '{"a":[1]}'),
        ([], "[]"),
    ],
)
def test_a_value_of_json_is_the_text_that_bulk_api_writes(value: object, text: str | None) -> None:
    assert text_of_json(value) == text


def test_a_row_of_the_bin_is_two_changes_and_one_that_is_gone_is_one() -> None:
    bits = [{"Id": "1", "IsDeleted": True}, {"Id": "2", "IsDeleted": False}, {"Id": "3", "IsDeleted": True}]
    assert count_changes(page_of_records(bits, SPEC)) == 5
    assert count_changes(page_of_records(bits[1:2], SPEC)) == 1
    assert count_changes(page_of_records([], SPEC)) == 0
    gone = page_of_gone(["1", "2"], "2026-09-21T14:00:00.000Z", SPEC)
    assert count_changes(gone) == 2
    assert gone["IsDeleted"].to_pylist() == ["gone", "gone"]


def test_a_text_that_is_no_utf_8_is_marked_and_the_page_is_read() -> None:
    table = read_csv_texts(b'Id,Title__c\n"1","a\xffb"\n"2",""\n')
    assert table.to_pylist() == [{"Id": "1", "Title__c": "a\ufffd\x00b"}, {"Id": "2", "Title__c": None}]


@pytest.mark.parametrize("body", [b'Id,Title__c\n"1"\n', b"Id,\xff\n1,2\n", b'Id,Id\n"1","2"\n,,,\n'])
def test_what_is_no_csv_is_refused(body: bytes) -> None:
    with pytest.raises(pa.ArrowInvalid):
        read_csv_texts(body)


def test_columns_of_a_csv_are_found_by_name_and_those_that_it_lacks_are_left_out() -> None:
    body = b'Title__c,SystemModstamp,Nope__c,IsDeleted,Id\n"a\nb","2026","x","false","1"\n'
    assert page_of_csv(body, SPEC).to_pylist() == [
        {"Id": "1", "IsDeleted": "false", "SystemModstamp": "2026", "Title__c": "a\nb"}
    ]
    with pytest.raises(KeyError):
        page_of_csv(b'Id,IsDeleted\n"1","false"\n', SPEC)


BIRTHS = [{"Id": f"a0x{number:012d}AAA", "Birth__c": "1990-01-02", "Pin__c": 7.5} for number in range(2)]


def sealed(fields: list[str]) -> dict[str, list[str]]:
    """A page of two records with the same sensitive values, encrypted; columns of tokens."""
    pin = FieldSpec(type=FieldType.DOUBLE, pii=Pii.SENSITIVE)
    spec = with_fields(SPEC, {**SPEC.fields, "Pin__c": pin})
    page = page_of_records(BIRTHS, spec, fields)
    found = protect_page(
        page, spec, protector(Catalogue.model_construct(every_object={}, objects={THING: spec}))
    )
    return {name: found[name].to_pylist() for name in ("Birth__c", "Pin__c")}


def test_a_sensitive_value_of_a_page_is_bound_to_the_record_of_its_row() -> None:
    for name, tokens in sealed(["Id", "Birth__c", "Pin__c"]).items():
        seal = Seal(f"{THING}.{name}", is_bound=True)
        for token, record in zip(tokens, BIRTHS, strict=True):
            assert has_form(token, seal, key_of(token), str(record["Id"]))


def test_sensitive_values_of_a_page_without_ids_have_nothing_in_common() -> None:
    for tokens in sealed(["Birth__c", "Pin__c"]).values():
        first, second = (token.rpartition(".")[2] for token in tokens)
        assert first[:20] != second[:20]
        assert first != second
