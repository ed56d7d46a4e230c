"""Rows of a page whose fields the warehouse has otherwise: those alone are landed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from schemas.catalogue import Catalogue
from transforms.drift.changed_fields import differing
from transforms.ingest.row_pages import GONE, ID, IN_BIN, IS_DELETED, LIVE, MODSTAMP
from transforms.misfits import MISFIT

YOUNG, OLD = "2026-11-25T12:00:00.000Z", "2026-11-25T11:59:59.999Z"
TOKEN = "tg1.AAAA"
FIELDS: dict[str, dict[str, Any]] = {
    "Name": {"type": "string", "length": 20},
    "Paid__c": {"type": "currency", "scale": 2},
    "Count__c": {"type": "int"},
    "Amount__c": {"type": "currency", "pii": "personal"},
    "Secret__c": {"type": "string", "pii": "personal"},
}
SPEC = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": FIELDS}}}
).object("Thing__c")


def found(
    *rows: Sequence[str | None], fields: Sequence[str] = ("Name",), known: dict[str, list[Any]] | None = None
) -> list[int]:
    """Each row: id, whether it is deleted, SystemModstamp, and the fields' texts."""
    names = (ID, IS_DELETED, MODSTAMP, *fields)
    page = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    return differing(page, SPEC, fields, known or {}, young_from=YOUNG)


def differs(name: str, text: str | None, value: Any) -> bool:
    return found(("a", LIVE, OLD, text), fields=(name,), known={"a": [value]}) == [0]


def test_a_row_that_the_warehouse_has_so_is_not_landed_and_another_is() -> None:
    rows = [("a", LIVE, OLD, "x"), ("b", LIVE, OLD, "y"), ("c", LIVE, OLD, "z")]
    assert found(*rows, known={"a": ["x"], "b": ["-"], "c": ["-"]}) == [1, 2]


@pytest.mark.parametrize("known", [{"a": ["-"]}, {}])
def test_a_row_that_is_gone_is_passed_over_and_those_behind_it_are_not(known: dict[str, list[Any]]) -> None:
    rows = [("a", GONE, YOUNG, "x"), ("b", LIVE, OLD, "y")]
    assert found(*rows, known=known | {"b": ["-"]}) == [1]


def test_a_row_in_the_recycle_bin_counts_when_the_warehouse_has_its_record() -> None:
    rows = [("a", IN_BIN, YOUNG, "x"), ("b", IN_BIN, YOUNG, "x"), ("c", IN_BIN, YOUNG, "x")]
    assert found(*rows, known={"a": ["-"], "b": ["x"]}) == [0]


def test_a_record_that_the_warehouse_lacks_counts_while_it_is_young_and_says_something() -> None:
    assert found(("a", LIVE, YOUNG, "x")) == [0]
    assert found(("a", LIVE, OLD, "x")) == []
    assert found(("a", LIVE, YOUNG, None)) == []
    assert found(("a", LIVE, YOUNG, None, "1"), fields=("Name", "Count__c")) == [0]


def test_one_field_that_differs_is_enough() -> None:
    row = ("a", LIVE, OLD, "x", "1")
    assert found(row, fields=("Name", "Count__c"), known={"a": ["x", 1]}) == []
    assert found(row, fields=("Name", "Count__c"), known={"a": ["x", 2]}) == [0]


@pytest.mark.parametrize(
    ("name", "text", "value", "wanted"),
    [
        pytest.param("Name", None, None, False, id="nothing on either side"),
        pytest.param("Name", "x", None, True, id="nothing in the warehouse"),
        pytest.param("Name", None, "x", True, id="nothing in the org"),
        pytest.param("Paid__c", None, Decimal("1.10"), True, id="no amount in the org"),
        pytest.param("Name", "7", "7", False, id="a text of digits"),
        pytest.param("Amount__c", "tg1x.AAAA", "tg1x.AAAA", False, id="a token of an amount"),
        pytest.param("Count__c", "7", 7, False, id="a whole number"),
        pytest.param("Count__c", "7", 8, True, id="another whole number"),
        pytest.param("Paid__c", "1.10", Decimal("1.10"), False, id="an amount"),
        pytest.param("Paid__c", "1.1049", Decimal("1.10"), False, id="an amount that lands rounded"),
        pytest.param("Paid__c", "1.11", Decimal("1.10"), True, id="another amount"),
        pytest.param("Paid__c", "123456789012345.67", Decimal("123456789012345.67"), False, id="every digit"),
        pytest.param("Secret__c", TOKEN, TOKEN, False, id="a token"),
        pytest.param("Secret__c", TOKEN, "tg1.BBBB", True, id="another token"),
    ],
)
def test_values_are_compared_as_they_land(name: str, text: str | None, value: Any, *, wanted: bool) -> None:
    assert differs(name, text, value) is wanted


@pytest.mark.parametrize(
    ("name", "text"), [("Name", 21 * "x"), ("Paid__c", "no number"), ("Secret__c", "clear")]
)
def test_a_value_that_does_not_fit_differs_from_all_but_one_that_did_not(name: str, text: str) -> None:
    assert not differs(name, text, MISFIT)
    assert differs(name, text, "x")
