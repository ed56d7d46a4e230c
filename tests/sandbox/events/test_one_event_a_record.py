"""A record that changes several times in one transaction has one change event (Change Data Capture
Developer Guide, "General Considerations": "Change Event Generation in a Transaction with Multiple
Changes for the Same Record").
"""

from hashlib import sha256
from typing import Any

import orjson
import pytest

from sandbox.org.errors import SalesforceError

HEADER = "ChangeEventHeader"
LONG = "\n".join(f"line {number} of a text that is told as a diff" for number in range(40))


def told(org, position: int) -> list[dict[str, Any]]:
    rows, _ = org.bus.read(position, None, 1_000, 10**9)
    return [orjson.loads(row[-1])["payload"] for row in rows]


def kinds(events: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    heads = [event[HEADER] for event in events]
    return [(each["entityName"], each["changeType"], each["sequenceNumber"]) for each in heads]


def body(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != HEADER}


def test_a_create_and_an_update_are_a_create_with_the_values_at_the_end(org):
    start = org.bus.newest
    with org.transaction() as tx:
        case = tx.create("Case", {"Status": "New", "Priority": "Medium", "Subject": "Heating"})
        tx.update("Case", case, {"Priority": "High", "Subject": None})
    [event] = told(org, start)
    assert event[HEADER]["changeType"] == "CREATE"
    assert (event["Priority"], event["Status"]) == ("High", "New")
    assert "Subject" not in event


def test_several_updates_are_one_with_the_fields_of_all_and_the_last_values(org):
    case = org.create("Case", {"Status": "New", "Priority": "Low"})
    org.dials.events.changed_fields_in_header = True
    start = org.bus.newest
    with org.transaction() as tx:
        tx.update("Case", case, {"Priority": "Medium", "Subject": "A"})
        tx.update("Case", case, {"Priority": "High", "Status": "Closed"})
    [event] = told(org, start)
    assert event.pop("LastModifiedDate")
    assert body(event) == {"Priority": "High", "Subject": "A", "Status": "Closed", "IsClosed": True}
    changed = {"Priority", "Subject", "Status", "IsClosed", "LastModifiedDate"}
    assert set(event[HEADER]["changedFields"]) == changed


def test_parts_of_a_compound_that_several_updates_change_are_in_one_object(org):
    person = org.create("Contact", {"LastName": "Lund", "MailingCity": "Harrow"})
    start = org.bus.newest
    with org.transaction() as tx:
        tx.update("Contact", person, {"MailingCity": "Barnet"})
        tx.update("Contact", person, {"MailingStreet": "1 Mill Lane", "FirstName": "Ada"})
    [event] = told(org, start)
    assert event["MailingAddress"] == {"City": "Barnet", "Street": "1 Mill Lane"}
    assert event["Name"] == {"FirstName": "Ada"}


def test_a_long_text_is_told_as_the_diff_from_its_value_before_the_transaction(org):
    case = org.create("Case", {"Status": "New", "Description": LONG})
    start = org.bus.newest
    with org.transaction() as tx:
        tx.update("Case", case, {"Description": LONG.replace("line 3 ", "line three ")})
        tx.update("Case", case, {"Description": LONG.replace("line 30 ", "line thirty ")})
    [event] = told(org, start)
    diff = event["Description"]["diff"]
    assert sha256(LONG.encode()).hexdigest() in diff
    assert ("line thirty" in diff, "line three" in diff) == (True, False)


def test_a_long_text_that_ends_as_it_began_is_told_whole(org):
    case = org.create("Case", {"Status": "New", "Description": LONG})
    start = org.bus.newest
    with org.transaction() as tx:
        tx.update("Case", case, {"Description": "short"})
        tx.update("Case", case, {"Description": LONG})
    [event] = told(org, start)
    assert event["Description"] == LONG


def test_an_event_stands_where_the_first_change_of_its_record_stood(org):
    case = org.create("Case", {"Status": "New"})
    start = org.bus.newest
    with org.transaction() as tx:
        tx.update("Case", case, {"Priority": "High"})
        account = tx.create("Account", {"Name": "A"})
        tx.update("Case", case, {"AccountId": account})
    events = told(org, start)
    assert kinds(events) == [("Case", "UPDATE", 1), ("Account", "CREATE", 2)]
    assert events[0]["AccountId"] == account
    assert len({(each[HEADER]["commitNumber"], each[HEADER]["transactionKey"]) for each in events}) == 1


@pytest.mark.parametrize(
    ("steps", "kind", "literal"),
    [
        (("create", "delete"), "DELETE", "CREATE"),
        (("create", "delete", "undelete", "update"), "CREATE", "CREATE"),
        (("update", "delete"), "DELETE", "UPDATE"),
        (("delete", "undelete"), "UNDELETE", "DELETE"),
        (("update", "delete", "undelete"), "UNDELETE", "UPDATE"),
        (("delete", "undelete", "delete"), "DELETE", "DELETE"),
    ],
)
@pytest.mark.parametrize("first_kind", [False, True])
def test_a_record_that_goes_or_comes_back_is_told_by_its_end_or_by_a_dial_by_its_beginning(
    org, steps, kind, literal, first_kind
):
    org.dials.events.first_kind = first_kind
    record = None if steps[0] == "create" else org.create("Case", {"Status": "New"})
    start = org.bus.newest
    with org.transaction() as tx:
        for step in steps:
            if step == "create":
                record = tx.create("Case", {"Status": "New"})
            elif step == "update":
                tx.update("Case", record, {"Priority": "High"})
            else:
                getattr(tx, step)("Case", record)
    [event] = told(org, start)
    chosen = literal if first_kind else kind
    assert event[HEADER]["changeType"] == chosen
    assert ("Status" in event) == (chosen in ("CREATE", "UNDELETE"))
    if steps[-1] == "update" or (steps[0], chosen) == ("update", "UPDATE"):
        assert event["Priority"] == "High"


def test_counts_of_records_and_of_changes_are_right_after_several_changes_of_one(org):
    with org.transaction() as tx:
        case = tx.create("Case", {"Status": "New"})
        tx.update("Case", case, {"Priority": "High"})
        tx.delete("Case", case)
    assert (tx.changes, org.changes_committed) == (1, 1)
    assert (org.counts["Case"], org.deleted_counts["Case"]) == (1, 1)


def undone(tx, case: str) -> None:
    with tx.whole():
        tx.update("Case", case, {"Subject": "undone"})
        tx.update("Case", case, {"Status": "No such status"})


def test_an_operation_that_is_undone_leaves_nothing_in_its_records_event(org):
    case = org.create("Case", {"Status": "New"})
    start = org.bus.newest
    with org.transaction() as tx:
        tx.update("Case", case, {"Priority": "High"})
        with pytest.raises(SalesforceError, match="restricted"):
            undone(tx, case)
    [event] = told(org, start)
    assert "Subject" not in event
