"""The text of the query, the types that CSV lost, and the events that rows become."""

import csv
import io
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, strategies as st

from clients.salesforce.polled_rows import rows_of_csv
from clients.salesforce.soql import keyset_query, literal, selected_fields
from schemas.catalogue import default_catalogue
from schemas.ingest.positions import Deletion, PolledPosition, PolledRow
from tests.support.builders.bus import protector
from transforms.ingest.decode_events import RawEvent, decode_events
from transforms.ingest.snapshots import deletion_event, row_events

CATALOGUE = default_catalogue()
ACCOUNT = CATALOGUE.object("Account")
CONTACT = CATALOGUE.object("Contact")
AT = 1_795_000_000_000
ID = "001Tg0000000001IAA"


def test_the_query_names_what_the_catalogue_knows_and_nothing_twice() -> None:
    fields = selected_fields(CONTACT)
    assert fields[:3] == ("Id", "IsDeleted", "SystemModstamp")
    assert set(CONTACT.fields) < set(fields)
    assert len(set(fields)) == len(fields)
    assert not set(CONTACT.compounds) & set(fields), "Bulk API refuses compounds"


def test_a_window_is_half_open_and_in_the_order_of_the_lane() -> None:
    query = keyset_query(ACCOUNT, PolledPosition(AT), AT + 60_000)
    assert query.endswith(
        "FROM Account WHERE SystemModstamp >= 2026-11-18T11:06:40.000Z AND SystemModstamp < 2026-11-18T11:07:40.000Z "
        "ORDER BY SystemModstamp, Id"
    )


def test_a_window_behind_a_row_begins_with_the_next_one_of_its_second() -> None:
    query = keyset_query(ACCOUNT, PolledPosition(AT, ID), None, limit=5)
    assert query.endswith(
        "WHERE SystemModstamp >= 2026-11-18T11:06:40.000Z AND "
        f"(SystemModstamp > 2026-11-18T11:06:40.000Z OR Id > '{ID}') ORDER BY SystemModstamp, Id LIMIT 5"
    )


def test_a_literal_keeps_its_milliseconds_and_needs_no_plus() -> None:
    assert literal(AT + 7) == "2026-11-18T11:06:40.007Z"


def page(**values: str) -> bytes:
    """A page of one row, every value quoted as Salesforce does."""
    row = {"Id": ID, "IsDeleted": "false", "SystemModstamp": "2026-11-18T11:06:40.000Z"} | values
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([row.keys(), row.values()])
    return out.getvalue().encode()


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("Verified__c", "true", True),
        ("Verified__c", "false", False),
        ("NumberOfEmployees", "12", 12),
        ("NumberOfEmployees", "12.0", 12),
        ("AnnualRevenue", "10", 10.0),
        ("RiskScore__c", "-0.25", -0.25),
        ("EligibleUntil__c", "2026-11-18", "2026-11-18"),
        ("LastReviewedAt__c", "2026-11-18T11:06:40.000Z", "2026-11-18T11:06:40.000+0000"),
        ("Name", "", None),
        ("RiskScore__c", "abc", "abc"),
        ("RiskScore__c", "not a number at all", "not a number at all"),
        ("RiskScore__c", "1e400", "1e400"),
        ("RiskScore__c", "NaN", "NaN"),
        ("NumberOfEmployees", "99999999999999999999", "99999999999999999999"),
        ("Verified__c", "perhaps", "perhaps"),
        ("AnnualRevenue", "1234567890123456.78", Decimal("1234567890123456.78")),
        ("Name", "NA", "NA"),
        ("Name", "null", "null"),
        ("Name", "12", "12"),
        ("Name", "\x00a\x00", "\x00a\x00"),
        ("Description", 'two\nlines, "quoted"\r\n', 'two\nlines, "quoted"\r\n'),
    ],
)
def test_a_value_of_a_csv_gets_the_type_that_rest_gives_it(field: str, text: str, value: object) -> None:
    [row] = rows_of_csv(page(**{field: text}), ACCOUNT)
    assert row.fields[field] == value
    assert type(row.fields[field]) is type(value)
    assert (row.record_id, row.modstamp_ms, row.is_deleted) == (ID, AT, False)


@given(
    st.lists(st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=40))
)
def test_texts_come_out_of_a_csv_as_they_went_in(texts: list[str]) -> None:
    pages = [page(Description=text) for text in texts]
    body = b"".join(one if not place else one.partition(b"\n")[2] for place, one in enumerate(pages))
    rows = rows_of_csv(body, ACCOUNT) if texts else []
    assert [row.fields["Description"] for row in rows] == [text or None for text in texts]


def test_a_page_without_rows_has_none() -> None:
    assert rows_of_csv(page().partition(b"\n")[0] + b"\n", ACCOUNT) == []


WHOLE = {
    "LastName": "Curie",
    "Email": "m@example.org",
    "CreatedDate": "2026-11-18T11:06:40.000+0000",
    "CreatedById": "005000000000001AAA",
    "LastModifiedDate": "2026-11-18T11:06:40.000+0000",
    "LastModifiedById": "005000000000002AAA",
}


def contact(*, is_deleted: bool = False) -> PolledRow:
    fields = dict.fromkeys(CONTACT.fields) | WHOLE
    return PolledRow("003Tg0000000001IAA", AT, is_deleted=is_deleted, fields=fields)


def decoded(events: list[dict]) -> list[tuple]:
    raw = []
    guard = protector()
    for data in events:
        name = guard.protect_event(data)
        raw.append(RawEvent("p", name, 1, AT, orjson.dumps(data)))
    [share] = decode_events(raw, CATALOGUE).values()
    assert share.refusals == []
    return share.rows


def test_a_row_is_a_snapshot_at_the_end_of_its_second() -> None:
    [[record_id, order, kind, changed_ms, *_]] = decoded(row_events("Contact", contact()))
    assert (record_id, kind, changed_ms) == ("003Tg0000000001IAA", "snapshot", AT + 999)
    assert order == f"{AT + 999}.{0:020d}.{0:08d}"


def test_a_deleted_row_brings_its_last_values_and_then_its_deletion() -> None:
    rows = decoded(row_events("Contact", contact(is_deleted=True)))
    assert [row[2] for row in rows] == ["snapshot", "delete"]
    assert rows[0][1] < rows[1][1]


def test_a_deletion_that_is_told_twice_is_one_change() -> None:
    [_, by_query] = decoded(row_events("Contact", contact(is_deleted=True)))
    [by_list] = decoded([deletion_event("Contact", Deletion("003Tg0000000001IAA", AT))])
    assert by_query[:2] == by_list[:2]


def test_a_row_is_protected_as_an_event_is() -> None:
    [data] = row_events("Contact", contact())
    protector().protect_event(data)
    text = orjson.dumps(data)
    assert b"Curie" not in text
    assert b"m@example.org" not in text
