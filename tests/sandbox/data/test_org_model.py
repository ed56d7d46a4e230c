"""The org's rules, in process: what a write may do, and what it leaves on the bus."""

import hashlib

import orjson
import pytest

from sandbox.org.errors import SalesforceError
from sandbox.org.schema.ids import eighteen
from sandbox.org.schema.setup import load_setup
from sandbox.org.server.app import open_org
from sandbox.org.traffic import forms

CASE = {"Status": "New"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("org")


@pytest.fixture
def org(folder):
    opened = open_org(folder)
    yield opened
    opened.store.close()


def events_after(org, position):
    rows, _ = org.bus.read(position, None, 1_000, 10**9)
    return [orjson.loads(row[-1])["payload"] for row in rows]


def test_the_18_character_form_of_an_id_is_salesforces():
    assert eighteen("001D000000IqhSL") == "001D000000IqhSLIAZ"


def test_same_change_to_several_records_is_one_event(org):
    ids = [org.create("Case", CASE) for _ in range(3)]
    start = org.bus.newest
    with org.transaction() as tx:
        for record_id in ids:
            tx.update("Case", record_id, {"Priority": "High"})
        tx.update("Case", ids[0], {"Priority": "Low"})
    single, merged = events_after(org, start)
    assert merged["ChangeEventHeader"]["recordIds"] == ids[1:]
    assert single["ChangeEventHeader"]["recordIds"] == ids[:1]
    assert [e["ChangeEventHeader"]["sequenceNumber"] for e in (single, merged)] == [1, 2]
    assert merged["ChangeEventHeader"]["transactionKey"] == single["ChangeEventHeader"]["transactionKey"]


def test_undelete_carries_what_is_filled_in(org):
    record_id = org.create("Contact", {"LastName": "Lund", "ConsentGiven__c": True})
    org.delete("Contact", record_id)
    start = org.bus.newest
    org.undelete("Contact", record_id)
    [event] = events_after(org, start)
    assert event["ChangeEventHeader"]["changeType"] == "UNDELETE"
    assert event["Name"] == {"LastName": "Lund"}
    assert event["ConsentGiven__c"] is True
    assert event["CreatedDate"].endswith("Z")


def test_diff_names_the_hash_of_the_text_before(org):
    before = "\n".join(f"line {number} {'x' * 60}" for number in range(30))
    record_id = org.create("Case", {**CASE, "Description": before})
    start = org.bus.newest
    org.update("Case", record_id, {"Description": before.replace("line 3 ", "LINE 3 ")})
    [event] = events_after(org, start)
    lines = event["Description"]["diff"].split("\n")
    assert lines[:2] == ["--- ", f"+++ {hashlib.sha256(before.encode()).hexdigest()}"]
    assert lines[2] == "@@ -4,1 +4,1 @@"
    assert [line[:7] for line in lines[3:]] == ["-line 3", "+LINE 3"]


def test_last_modified_by_is_sent_only_when_it_differs(org):
    users = [row[0] for row in org.store.connection.execute('SELECT Id FROM "User" LIMIT 2')]
    record_id = org.create("Case", CASE, user=users[0])
    start = org.bus.newest
    org.update("Case", record_id, {"Subject": "a"}, user=users[0])
    org.update("Case", record_id, {"Subject": "b"}, user=users[1])
    assert [event.get("LastModifiedById") for event in events_after(org, start)] == [None, users[1]]


def test_failed_transaction_leaves_nothing(org):
    start = org.bus.newest
    count = org.store.connection.execute('SELECT count(*) FROM "Case"').fetchone()

    def fails_half_way():
        with org.transaction() as tx:
            tx.create("Case", CASE)
            tx.create("Case", {"Nope": 1})

    with pytest.raises(SalesforceError):
        fails_half_way()
    assert org.store.connection.execute('SELECT count(*) FROM "Case"').fetchone() == count
    assert org.bus.newest == start


def test_refused_operation_leaves_the_rest_of_its_transaction(org):
    start = org.bus.newest
    with org.transaction() as tx:
        tx.create("Case", CASE)
        with pytest.raises(SalesforceError):
            tx.create("Case", {"Nope": 1})
    assert len(events_after(org, start)) == 1


@pytest.mark.parametrize(
    ("object_name", "fields", "code", "blamed"),
    [
        pytest.param("Contact", {}, "REQUIRED_FIELD_MISSING", ["LastName"], id="required"),
        pytest.param("Case", {**CASE, "Nope": 1}, "INVALID_FIELD", ["Nope"], id="unknown field"),
        pytest.param(
            "Case", {**CASE, "SuppliedName": "x" * 81}, "STRING_TOO_LONG", ["SuppliedName"], id="too long"
        ),
        pytest.param(
            "Case",
            {**CASE, "DueDate__c": "soon"},
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            ["DueDate__c"],
            id="type",
        ),
        pytest.param("Case", {**CASE, "AccountId": "1"}, "MALFORMED_ID", ["AccountId"], id="reference"),
        pytest.param(
            "Case",
            {**CASE, "CreatedDate": None},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["CreatedDate"],
            id="read-only",
        ),
    ],
)
def test_bad_record_is_refused_with_salesforces_code(org, object_name, fields, code, blamed):
    with pytest.raises(SalesforceError) as caught:
        org.create(object_name, fields)
    assert (caught.value.code, caught.value.fields) == (code, blamed)


def test_external_id_is_unique_without_regard_to_case_among_living_records(org):
    first = org.create("Case", {**CASE, "ExternalId__c": "Ab-1"})
    with pytest.raises(SalesforceError) as caught:
        org.create("Case", {**CASE, "ExternalId__c": "aB-1"})
    assert caught.value.code == "DUPLICATE_VALUE"
    assert first in caught.value.message
    org.delete("Case", first)
    org.create("Case", {**CASE, "ExternalId__c": "aB-1"})


def test_deleted_record_cannot_be_changed(org):
    record_id = org.create("Case", CASE)
    org.delete("Case", record_id)
    with pytest.raises(SalesforceError, match="ENTITY_IS_DELETED"):
        org.update("Case", record_id, {"Status": "Closed"})


@pytest.mark.parametrize("value", [1e16, -1e16, 10**16, "1e16", 1e300])
def test_a_number_of_more_digits_than_its_field_has_is_refused(org, value):
    with pytest.raises(SalesforceError) as caught:
        org.create("Account", {"Name": "A", "AnnualRevenue": value})
    assert (caught.value.code, caught.value.fields) == ("NUMBER_OUTSIDE_VALID_RANGE", ["AnnualRevenue"])


def test_the_largest_number_of_a_field_is_kept(org):
    account_id = org.create("Account", {"Name": "A", "AnnualRevenue": 9_999_999_999_999_998.0})
    assert org.records["Account"].whole(account_id)["AnnualRevenue"] == 9_999_999_999_999_998.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_of_the_wrong_type(org, value):
    with pytest.raises(SalesforceError) as caught:
        org.create("Account", {"Name": "A", "AnnualRevenue": value})
    assert caught.value.code == "INVALID_TYPE_ON_FIELD_IN_RECORD"


def test_an_event_of_more_than_a_megabyte_is_a_gap(org, monkeypatch):
    monkeypatch.setattr("sandbox.org.state.batch.EVENT_MAX_BYTES", 100)
    start = org.bus.newest
    org.create("Case", {**CASE, "Subject": "x" * 100})
    [event] = events_after(org, start)
    assert event["ChangeEventHeader"]["changeType"] == "GAP_CREATE"
    assert list(event) == ["ChangeEventHeader"]


def test_the_traffic_writes_only_values_that_restricted_picklists_have():
    picklists = load_setup().picklists
    assert set(forms.CASE_STATES) <= set(picklists["Case"]["Status"])
    assert set(forms.PRIORITIES) <= set(picklists["Case"]["Priority"])
    assert set(forms.REQUEST_STATES) <= set(picklists["ServiceRequest__c"]["Status__c"])
    assert set(forms.PAYMENT_STATES) <= set(picklists["Payment__c"]["Status__c"])
