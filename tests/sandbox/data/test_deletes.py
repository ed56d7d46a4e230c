"""Deletes that take children along, hard deletes and the recycle bin, held to happening as a
whole.
"""

import pytest

from sandbox.org.errors import SalesforceError
from tests.sandbox.org_in_process import new_org

REQUEST = {"Status__c": "Submitted"}
LATER = "2999-01-01T00:00:00.000Z"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


def request_with_payments(org, *external_ids):
    account_id = org.create("Account", {"Name": "A"})
    request_id = org.create("ServiceRequest__c", REQUEST)
    fields = {"Account__c": account_id, "ServiceRequest__c": request_id, "Status__c": "Sent"}
    payments = [
        org.create("Payment__c", {**fields, "Amount__c": 1.0, "ExternalId__c": external_id})
        for external_id in external_ids
    ]
    return request_id, payments


def alive(org, object_name):
    rows = org.store.connection.execute(f'SELECT Id FROM "{object_name}" WHERE IsDeleted = 0')
    return {row[0] for row in rows}


def test_a_child_deleted_by_itself_in_the_same_second_does_not_come_back_with_its_parent(org):
    request_id, [alone, taken] = request_with_payments(org, "P-1", "P-2")
    with org.transaction() as tx:
        tx.delete("Payment__c", alone)
        tx.delete("ServiceRequest__c", request_id)
        tx.undelete("ServiceRequest__c", request_id)
    assert alive(org, "Payment__c") == {taken}


def test_children_come_back_whatever_the_lag_of_the_commit_was(org):
    org.dials.records.commit_lag_seconds, org.dials.records.commit_lag_share = 60, 1
    request_id, payments = request_with_payments(org, "P-1", "P-2")
    org.delete("ServiceRequest__c", request_id)
    org.undelete("ServiceRequest__c", request_id)
    assert alive(org, "Payment__c") == set(payments)


def test_an_undelete_that_one_child_refuses_brings_nothing_back_and_tells_nothing(org):
    request_id, payments = request_with_payments(org, "P-1", "P-2")
    org.delete("ServiceRequest__c", request_id)
    _, [other] = request_with_payments(org, "P-2")
    before = org.bus.newest
    with org.transaction() as tx, pytest.raises(SalesforceError, match="DUPLICATE_VALUE"):
        tx.undelete("ServiceRequest__c", request_id)
    assert org.bus.newest == before
    assert request_id not in alive(org, "ServiceRequest__c")
    assert alive(org, "Payment__c") == {other}
    org.delete("Payment__c", other)
    org.undelete("ServiceRequest__c", request_id)
    assert alive(org, "Payment__c") == set(payments)


def test_a_delete_that_a_grandchild_refuses_deletes_nothing(org):
    org.child_rules["Account"] = [("Contact", "AccountId", "cascade")]
    org.child_rules["Contact"] = [("Case", "ContactId", "restrict")]
    account_id = org.create("Account", {"Name": "A"})
    first = org.create("Contact", {"LastName": "L", "AccountId": account_id})
    second = org.create("Contact", {"LastName": "M", "AccountId": account_id})
    org.create("Case", {"Status": "New", "ContactId": second})
    before = org.bus.newest
    with org.transaction() as tx, pytest.raises(SalesforceError, match="DELETE_FAILED"):
        tx.delete("Account", account_id)
    assert alive(org, "Contact") == {first, second}
    assert alive(org, "Account") == {account_id}
    assert (org.bus.newest, org.deleted_counts["Contact"]) == (before, 0)


def test_a_reference_that_is_cleared_is_told_as_an_update_of_the_child(org):
    org.child_rules["Account"] = [("Contact", "AccountId", "clear")]
    account_id = org.create("Account", {"Name": "A"})
    contact_id = org.create("Contact", {"LastName": "L", "AccountId": account_id})
    org.delete("Account", account_id)
    assert org.records["Contact"].whole(contact_id)["AccountId"] is None


def test_a_hard_delete_takes_the_children_along_whether_or_not_they_are_binned(org):
    request_id, [binned, _] = request_with_payments(org, "P-1", "P-2")
    org.delete("Payment__c", binned)
    with org.transaction() as tx:
        tx.hard_delete("ServiceRequest__c", request_id)
    left = org.store.connection.execute('SELECT count(*) FROM "Payment__c"').fetchone()[0]
    assert (left, org.counts["Payment__c"], org.deleted_counts["Payment__c"]) == (0, 0, 0)


def test_a_purge_of_the_bin_ends_and_leaves_the_living_alone(org):
    kept = org.create("Account", {"Name": "kept"})
    for number in range(450):
        org.delete("Account", org.create("Account", {"Name": str(number)}))
    steps = []
    while purged := org.empty_bin(LATER):
        steps.append(purged)
    assert (sum(steps), len(steps)) == (450, 3)
    assert alive(org, "Account") == {kept}
    assert (org.counts["Account"], org.deleted_counts["Account"]) == (1, 0)


def test_a_purge_looks_only_at_the_bin(org):
    plan = org.store.connection.execute(
        'EXPLAIN QUERY PLAN SELECT Id FROM "Account" INDEXED BY "Account_binned" '
        "WHERE IsDeleted = 1 AND SystemModstamp < ? ORDER BY SystemModstamp LIMIT 1",
        (LATER,),
    ).fetchone()
    assert "Account_binned" in plan[3]


def test_a_change_outside_the_application_is_told_by_a_gap_event_alone(org):
    account_id = org.create("Account", {"Name": "A"})
    before = org.bus.newest
    replay_id = org.change_outside("Account", [account_id], {"Phone": "1"})
    rows, _ = org.bus.read(before, None, 10, 10**9)
    assert len(rows) == 1
    assert b'"GAP_UPDATE"' in rows[0][-1]
    assert rows[0][0] == replay_id
    assert org.records["Account"].whole(account_id)["Phone"] == "1"
