"""Faults of shape that people who replicate Salesforce met in public, each with the value that is
right.

One row a fault: the kind, the field, the value as an event and as a query's row carry it, what
lands, and the rule that names it. All of them are in one record, by an event and by a page of
rows, and every one of them lands beside the others.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.stored_names import keep_names
from schemas.catalogue import Catalogue
from schemas.quality import ISOLATING, Rule
from tests.support.builders.batches import Road
from transforms.ingest.row_pages import ID, IS_DELETED, MODSTAMP
from transforms.ingest.stage_events import ObjectSlice
from transforms.ingest.stage_rows import PageFacts, stage_rows

pytestmark = pytest.mark.service

OBJECT = "Thing__c"
RECORD = "a0x000000000001AAA"
AT = datetime(2026, 9, 21, 14, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One fault."""

    kind: str
    """As people describe it."""
    name: str
    """Of the field."""
    spec: dict[str, Any]
    value: Any
    """In an event."""
    text: str
    """In a row of a query."""
    lands: Any
    rule: Rule | None = None
    """None: nothing is to be said of it."""
    row_rule: Rule | None = field(default=None)
    """Of the row, where an event has another one."""


def currency(scale: int = 2) -> dict[str, Any]:
    return {"type": "currency", "scale": scale}


CASES = (
    Case("a sum of doubles in a currency", "Sum__c", currency(), 0.30000000000000004, "0.30000000000000004",
         Decimal("0.30"), Rule.ROUNDED),
    Case("more decimals than the field by API", "Rate__c", currency(), 1234.567, "1234.567", Decimal("1234.57"),
         Rule.ROUNDED),
    Case("a third of an amount", "Third__c", currency(), 33.333333333333336, "33.333333333333336", Decimal("33.33"),
         Rule.ROUNDED),
    Case("rounding to the next digit", "Next__c", currency(), 99.999, "99.999", Decimal("100.00"), Rule.ROUNDED),
    Case("half a cent goes to the even one", "Even__c", currency(), 0.125, "0.125", Decimal("0.12"), Rule.ROUNDED),
    Case("a number of eighteen digits", "Long__c", {"type": "double", "scale": 0}, 123456789012345678,
         "123456789012345678", Decimal(123456789012345678)),
    Case("a number of seventeen digits and a point", "Fine__c", {"type": "double", "scale": 4}, 1234567890123.4567,
         "1234567890123.4567", None, Rule.DIGITS_LOST),
    Case("an amount beyond its digits", "Huge__c", currency(), 1e17, "1E+17", None, Rule.OUT_OF_RANGE),
    Case("the first date that Salesforce has", "First__c", {"type": "date"}, "1700-01-01", "1700-01-01",
         date(1700, 1, 1)),
    Case("the last date that Salesforce has", "Last__c", {"type": "date"}, "4000-12-31", "4000-12-31",
         date(4000, 12, 31)),
    Case("a datetime of the year 4000", "Late__c", {"type": "datetime"}, "4000-12-31T23:59:59Z",
         "4000-12-31T23:59:59.000Z", datetime(4000, 12, 31, 23, 59, 59, tzinfo=UTC)),
    Case("a time of day", "Hour__c", {"type": "time"}, "17:30:00.000Z", "17:30:00.000Z", "17:30:00.000"),
    Case("NUL in a text", "Nul__c", {"type": "string"}, "a\x00b", "a\x00b", "ab", Rule.NUL_REMOVED),
    Case("a text longer than the catalogue knows", "Wide__c", {"type": "string", "length": 5}, "sixsix", "sixsix",
         None, Rule.TOO_LONG),
    Case("a text that may be cut", "Cut__c", {"type": "string", "length": 3, "too_long": "cut"}, "sixsix", "sixsix",
         "six", Rule.CUT),
    Case("a picklist that became a number", "Kind__c", {"type": "int"}, "many", "many", None, Rule.WRONG_TYPE),
    Case("a combobox", "Combo__c", {"type": "combobox"}, "x", "x", "x"),
    Case("an encrypted string", "Masked__c", {"type": "encryptedstring", "length": 175}, "***1", "***1", "***1"),
    Case("a value of any type", "Any__c", {"type": "anyType"}, "7", "7", "7"),
    Case("an id of no named object", "Ref__c", {"type": "id"}, RECORD, RECORD, RECORD),
    Case("a reserved word of SQL", "Select__c", {"type": "string"}, "s", "s", "s"),
    Case("a column of our own", "Version__c", {"type": "string"}, "v", "v", "v"),
    Case("another column of our own", "Batch__c", {"type": "string"}, "b", "b", "b"),
    Case("a system column of PostgreSQL", "xmin__c", {"type": "string"}, "x", "x", "x"),
    Case("a standard field", "Status", {"type": "string"}, "std", "std", "std"),
    Case("a custom field beside it", "Status__c", {"type": "string"}, "cst", "cst", "cst"),
    Case("a name of 62 bytes in its namespace", f"another_space12__{40 * 'n'}__c", {"type": "string"}, "n", "n", "n"),
    Case("a name whose column would have 65 bytes", f"ns__{20 * 'Ab'}__c", {"type": "string"}, "l", "l", "l"),
)  # fmt: skip
_PART = {"type": "string", "length": 40, "part_of": "Name"}


def catalogue() -> Catalogue:
    fields = {case.name: case.spec for case in CASES}
    person = {"Name": {"type": "string", "length": 80}, "FirstName": _PART, "LastName": _PART}
    return Catalogue.model_validate(
        {
            "objects": {
                OBJECT: {"label": "Things", "key_prefix": "a0x", "history": True, "fields": fields},
                "Account": {"label": "Accounts", "key_prefix": "001", "fields": person},
            }
        }
    )


def event(
    body: dict[str, Any], *, name: str = OBJECT, record: str = RECORD, number: int = 1
) -> dict[str, Any]:
    header = {
        "entityName": name,
        "recordIds": [record],
        "changeType": "CREATE",
        "changeOrigin": "",
        "transactionKey": "t",
        "sequenceNumber": 1,
        "commitTimestamp": round(AT.timestamp() * 1_000) + number,
        "commitNumber": number,
        "commitUser": "005000000000001AAA",
    }
    return {"payload": {"ChangeEventHeader": header, **body}, "event": {"replayId": number}}


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    named = keep_names(warehouse, catalogue())
    warehouse.ensure_tables(named)
    return Road(store, warehouse, named)


def found_in(road: Road) -> tuple[dict[str, Any], set[str], set[tuple[str, str]]]:
    """Values by field, unknown columns, and field and rule of every finding."""
    spec = road.catalogue.object(OBJECT)
    names = ", ".join(f'"{column}"' for column in spec.columns.values())
    with road.warehouse.transaction() as transaction:
        ((unknown, *values),) = transaction.fetch(
            f"SELECT unknown_fields, {names} FROM curated.thing_current"
        )
        findings = set(transaction.fetch("SELECT field, rule FROM ops.quality WHERE object = 'Thing__c'"))
    return dict(zip(spec.columns, values, strict=True)), set((unknown or "").split(",")) - {""}, findings


async def test_every_fault_by_an_event_has_its_right_value_and_its_reason(road: Road) -> None:
    results = await road.send([event({case.name: case.value for case in CASES})])
    assert (results[OBJECT].applied, results[OBJECT].quarantined) == (1, 0)
    values, unknown, findings = found_in(road)
    assert values == {case.name: case.lands for case in CASES}
    assert findings == {(case.name, case.rule) for case in CASES if case.rule is not None}
    columns = road.catalogue.object(OBJECT).columns
    assert unknown == {columns[case.name] for case in CASES if case.rule in ISOLATING}


def by_row(road: Road) -> ObjectSlice:
    row = {ID: RECORD, IS_DELETED: "false", MODSTAMP: "2026-09-21T14:00:00.000Z"}
    page = pa.Table.from_pylist([row | {case.name: case.text for case in CASES}]).cast(
        pa.schema([(name, pa.large_string()) for name in (*row, *(case.name for case in CASES))])
    )
    facts = PageFacts("b", "9", None, 0, AT + timedelta(hours=1))
    return stage_rows(page, road.catalogue.object(OBJECT), road.catalogue, facts)


async def test_every_fault_by_a_row_has_its_right_value(road: Road) -> None:
    share = by_row(road)
    assert share.changes is not None
    assert (share.landed, len(share.changes), len(share.refused)) == (1, 1, 0)
    [row] = share.changes.to_pylist()
    columns = road.catalogue.object(OBJECT).columns
    exact = {"Fine__c": Decimal("1234567890123.4567")}  # a query gives every digit
    assert {case.name: row[columns[case.name]] for case in CASES} == {
        case.name: case.lands for case in CASES
    } | exact


async def test_an_account_may_be_a_business_or_a_person(road: Road) -> None:
    """Person accounts: `Account.Name` is a text on one record and an object on another."""
    business, person = "001000000000001AAA", "001000000000002AAA"
    await road.send(
        [
            event({"Name": "Harbour Ltd"}, name="Account", record=business),
            event(
                {"Name": {"FirstName": "Ada", "LastName": "Lind"}}, name="Account", record=person, number=2
            ),
        ]
    )
    with road.warehouse.transaction() as transaction:
        names = "record_id, name, first_name, last_name, unknown_fields"
        rows = transaction.fetch(f"SELECT {names} FROM curated.account_current ORDER BY record_id")
        asked = transaction.fetch("SELECT record_id FROM ops.reread WHERE closed_at IS NULL")
    assert rows == [
        (business, "Harbour Ltd", None, None, None),
        (person, None, "Ada", "Lind", "name"),
    ]
    assert asked == [(person,)], "the text that the org makes of the parts is asked for"


async def test_names_are_kept_whatever_comes_later(road: Road) -> None:
    """A custom field that came first keeps its column when a standard one of the same name
    comes.
    """
    alone = Catalogue.model_validate(
        {
            "objects": {
                "Late__c": {"label": "L", "key_prefix": "a1x", "fields": {"Grade__c": {"type": "string"}}}
            }
        }
    )
    first = keep_names(road.warehouse, alone).object("Late__c")
    assert first.columns == {"Grade__c": "grade"}
    both = {"Grade": {"type": "string"}, "Grade__c": {"type": "string"}}
    later = Catalogue.model_validate(
        {"objects": {"Late__c": {"label": "L", "key_prefix": "a1x", "fields": both}}}
    )
    second = keep_names(road.warehouse, later).object("Late__c")
    assert second.columns["Grade__c"] == "grade"
    assert second.columns["Grade"].startswith("grade_")
    road.warehouse.ensure_tables(keep_names(road.warehouse, later))
    with road.warehouse.transaction() as transaction:
        why = dict(transaction.fetch("SELECT field, why FROM ops.names WHERE object = 'Late__c'"))
    assert why["Grade"] == "grade is the name of Grade__c"
