"""A file's row as a writeback: cells as their fields' types have them, in each format of file."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from schemas.catalogue import default_catalogue
from schemas.writeback.files import FileFormat, RowDefaults
from schemas.writeback.messages import MOST_KEY
from transforms.writeback.parse_rows import EMPTIES, RowForm

COMMON = {"object": "Case", "priority": 5, "may_create": True, "mode": "ordered"}
CSV, NDJSON, PARQUET = FileFormat.CSV, FileFormat.NDJSON, FileFormat.PARQUET


def writeback(form: FileFormat, row: dict[str, Any], *, name: str = "f", number: int = 3) -> dict[str, Any]:
    return RowForm(default_catalogue(), form, RowDefaults(object="Case"), name).writeback(number, row)


def fields(form: FileFormat, **row: Any) -> dict[str, Any]:
    found: dict[str, Any] = writeback(form, row)["fields"]
    return found


def test_a_row_has_the_files_object_a_key_of_its_own_and_its_external_id_beside_its_fields() -> None:
    found = writeback(CSV, {"external_id": "C-1", "Subject": "x"})
    assert found == {**COMMON, "key": "f:3", "external_id": "C-1", "fields": {"Subject": "x"}}
    assert writeback(CSV, {"key": "mine", "Subject": "x"})["key"] == "mine"
    assert writeback(CSV, {"key": "", "Subject": "x"})["key"] == "f:3"
    assert "external_id" not in writeback(CSV, {"external_id": None, "Subject": "x"})


@pytest.mark.parametrize("length", [MOST_KEY - 21, MOST_KEY - 20, 4_000])
def test_a_key_fits_however_long_the_files_name_is(length: int) -> None:
    one, other = (
        writeback(CSV, {}, name=name, number=10**12)["key"] for name in (length * "a", length * "b")
    )
    assert len(one) <= MOST_KEY
    assert one != other
    assert one.startswith("aaa") is (length < MOST_KEY - 20)


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("Subject", "true", "true"), ("Subject", "5", "5"), ("Subject", EMPTIES, None),
        ("IsEscalated", "TRUE", True), ("IsEscalated", "false", False), ("IsEscalated", "yes", "yes"),
        ("TouchCount__c", "-12", -12), ("TouchCount__c", "1.5", "1.5"), ("TouchCount__c", "true", "true"),
        ("TouchCount__c", "1" + 18 * "0", "1" + 18 * "0"),
        ("SlaHours__c", "1.5", 1.5), ("SlaHours__c", "1e3", 1_000.0), ("SlaHours__c", "inf", "inf"),
        ("SlaHours__c", "", ""), ("Nothing__c", "5", "5"), ("IsEscalated", 1, 1),
    ],
)  # fmt: skip
def test_a_cell_of_a_csv_is_its_fields_type_or_stays_for_the_checks(name: str, cell: Any, value: Any) -> None:
    found = fields(CSV, **{name: cell})[name]
    assert (found, type(found)) == (value, type(value))


def test_an_object_that_the_catalogue_lacks_has_texts() -> None:
    form = RowForm(default_catalogue(), CSV, RowDefaults(object="Nope__c"), "f")
    assert form.writeback(1, {"A__c": "5"})["fields"] == {"A__c": "5"}


def test_an_empty_cell_is_left_out_but_null_of_json_empties_its_field() -> None:
    assert fields(CSV, Subject=None, Status="New") == {"Status": "New"}
    assert fields(PARQUET, Subject=None, Status="New") == {"Status": "New"}
    assert fields(NDJSON, Subject=None, Status="New") == {"Subject": None, "Status": "New"}


def test_a_column_with_a_dot_is_a_parents_external_id() -> None:
    assert fields(CSV, **{"Account.ExternalId__c": "A-1"}) == {"Account": {"ExternalId__c": "A-1"}}


def test_a_line_of_json_with_fields_is_the_writeback_itself() -> None:
    row = {"fields": {"Subject": "x"}, "external_id": "C-1", "priority": 3}
    assert writeback(NDJSON, row) == {**COMMON, "key": "f:3", **row}
    assert writeback(NDJSON, {**row, "object": "Account", "key": "k"})["object"] == "Account"
    assert writeback(NDJSON, {"fields": "x"})["fields"] == {"fields": "x"}
    assert writeback(CSV, row)["fields"] == {"fields": {"Subject": "x"}, "priority": 3}


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        (date(2026, 11, 25), "2026-11-25"),
        (datetime(2026, 11, 25, 15, tzinfo=timezone(timedelta(hours=1))), "2026-11-25T14:00:00+00:00"),
        (datetime(2026, 11, 25, 15, tzinfo=UTC).replace(tzinfo=None), "2026-11-25T15:00:00"),
        (Decimal("12.00"), 12), (Decimal("12.5"), 12.5), (True, True), ("a", "a"), (5, 5),
    ],
)  # fmt: skip
def test_a_value_of_a_parquet_file_is_what_json_would_have(value: Any, as_json: Any) -> None:
    found = fields(PARQUET, SlaHours__c=value)["SlaHours__c"]
    assert (found, type(found)) == (as_json, type(as_json))
    assert writeback(PARQUET, {"external_id": value})["external_id"] == as_json
