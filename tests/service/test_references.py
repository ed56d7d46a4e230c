"""The rules `parent` and `unique`: a late parent is waited for, asked for and then missed by name; a value is one record's."""

from datetime import timedelta
from typing import Any

import pytest

from activities.quality.late_parents import LateParents
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import Catalogue, default_catalogue
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps, whole_case

pytestmark = pytest.mark.service

ACCOUNTS = [f"001{number:012d}AAA" for number in range(4)]
CASE, OTHER = "500000000000001AAA", "500000000000002AAA"


def catalogue() -> Catalogue:
    """The default one, in which no two cases have the same subject."""
    given = default_catalogue().model_dump(mode="json", exclude_defaults=True)
    given["objects"]["Case"]["fields"]["Subject"]["unique"] = True
    return Catalogue.model_validate(given)


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, catalogue())
    warehouse.ensure_tables(opened.catalogue)
    return opened


def child(number: int, parent: str | None, record_id: str = CASE) -> dict[str, Any]:
    return event(number, {**whole_case(number), "AccountId": parent}, record_ids=[record_id])


def moved(number: int, parent: str | None) -> dict[str, Any]:
    change = {"AccountId": parent, "LastModifiedDate": stamps()["LastModifiedDate"]}
    return event(number, change, change_type="UPDATE", record_ids=[CASE])


def account(number: int, record_id: str, kind: str = "CREATE") -> dict[str, Any]:
    body = {} if kind == "DELETE" else {"Name": f"Account {number}", **stamps()}
    return event(number, body, object_name="Account", change_type=kind, record_ids=[record_id])


def rows(road: Road, what: str, where: str = "TRUE") -> list[tuple[Any, ...]]:
    """Of the findings, as they stand."""
    with road.warehouse.transaction() as transaction:
        return transaction.fetch(f"SELECT {what} FROM ops.quality WHERE {where} ORDER BY record_id")


def noted(road: Road) -> list[tuple[Any, ...]]:
    """Open findings of the rule `parent` after a check."""
    look(road)
    return rows(road, "record_id, field, target, state", "rule = 'parent' AND resolved_at IS NULL")


def asked(road: Road) -> list[tuple[Any, ...]]:
    with road.warehouse.transaction() as transaction:
        return transaction.fetch(
            "SELECT object, record_id FROM ops.reread WHERE cause = 'parent' AND closed_at IS NULL ORDER BY object, record_id"
        )


def look(road: Road, grace: timedelta = timedelta(minutes=10)) -> int:
    return LateParents(road.warehouse, road.catalogue, grace, delay=timedelta(0)).look()


def answer_that_nothing_was_found(road: Road) -> None:
    """As the repair workflow closes what it has read."""
    with road.warehouse.transaction() as transaction:
        transaction.execute("UPDATE ops.reread SET closed_at = asked_at, outcome = 'given_up'")


async def test_a_child_whose_parent_comes_within_the_delay_is_never_noted(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0])])
    LateParents(road.warehouse, road.catalogue).look()
    await road.send([account(2, ACCOUNTS[0])])
    look(road)
    assert rows(road, "record_id") == []


async def test_changes_of_hours_are_looked_at_slice_by_slice(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0]), child(2, ACCOUNTS[1], OTHER)])
    with road.warehouse.transaction() as transaction:
        hours_ago = (
            "UPDATE audit.case_change SET applied_at = applied_at - INTERVAL '3 hours' WHERE record_id = %s"
        )
        transaction.execute(hours_ago, [CASE])
    assert [record_id for record_id, *_ in noted(road)] == [CASE, OTHER]


async def test_a_change_of_a_process_whose_clock_is_behind_is_looked_at(road: Road) -> None:
    await road.send([account(1, ACCOUNTS[0])])
    look(road)
    await road.send([child(2, ACCOUNTS[1])])
    look(road)
    await road.send([child(3, ACCOUNTS[2], OTHER)])
    with road.warehouse.transaction() as transaction:
        behind = "UPDATE audit.case_change SET applied_at = applied_at - INTERVAL '50 seconds' WHERE record_id = %s"
        transaction.execute(behind, [OTHER])
    assert [record_id for record_id, *_ in noted(road)] == [CASE, OTHER]


async def test_a_finding_is_counted_once_however_often_its_change_is_looked_at(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0])])
    for _ in range(3):
        look(road)
    with road.warehouse.transaction() as transaction:
        counts = transaction.fetch(
            "SELECT checked, failed FROM ops.quality_day WHERE field = 'AccountId' AND rule = 'parent'"
        )
    assert counts == [(1, 1)]
    assert rows(road, "seen") == [(1,)]


async def test_a_child_lands_before_its_parent_and_the_parent_takes_the_note_away(road: Road) -> None:
    results = await road.send([child(1, ACCOUNTS[0])])
    assert (results["Case"].applied, results["Case"].quarantined) == (1, 0)
    assert noted(road) == [(CASE, "AccountId", ACCOUNTS[0], "waits")]
    await road.send([account(2, ACCOUNTS[0])])
    assert noted(road) == []


async def test_a_child_behind_its_parent_leaves_no_note(road: Road) -> None:
    await road.send([account(1, ACCOUNTS[0])])
    await road.send([child(2, ACCOUNTS[0])])
    await road.send([account(3, ACCOUNTS[1]), child(4, ACCOUNTS[1], OTHER)])
    look(road)
    assert noted(road) == []


async def test_a_note_follows_the_reference_of_its_child(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0])])
    await road.send([moved(2, ACCOUNTS[1])])
    assert noted(road) == [(CASE, "AccountId", ACCOUNTS[1], "waits")]
    await road.send([account(3, ACCOUNTS[0])])
    assert noted(road) == [(CASE, "AccountId", ACCOUNTS[1], "waits")]
    await road.send([moved(4, None)])
    assert noted(road) == []
    await road.send([moved(5, ACCOUNTS[1])])
    look(road)
    assert rows(road, "state, seen", "rule = 'parent'") == [("waits", 2)]
    await road.send([event(6, {}, change_type="DELETE", record_ids=[CASE])])
    assert noted(road) == []


async def test_a_change_that_came_too_late_says_nothing_of_the_parent(road: Road) -> None:
    await road.send([child(5, None)])
    await road.send([moved(3, ACCOUNTS[0])])
    assert noted(road) == []


async def test_a_parent_is_asked_for_after_the_grace_time_and_not_before(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0]), child(2, ACCOUNTS[0], OTHER)])
    assert look(road) == 0
    assert asked(road) == []
    assert look(road, timedelta(0)) == 1
    assert asked(road) == [("Account", ACCOUNTS[0])]
    assert look(road, timedelta(0)) == 0
    assert {state for *_, state in noted(road)} == {"asked"}


async def test_a_parent_that_the_org_lacks_leaves_orphans_until_it_comes(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0])])
    look(road, timedelta(0))
    answer_that_nothing_was_found(road)
    look(road, timedelta(0))
    [(state, detail)] = rows(road, "state, detail")
    assert (state, detail.partition(":")[0]) == ("orphan", "orphan")
    await road.send([account(2, ACCOUNTS[0])])
    assert noted(road) == []


async def test_a_note_that_its_parent_missed_is_taken_away_at_the_next_look(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0])])
    look(road)
    await road.send([account(2, ACCOUNTS[0])])
    look(road)
    with road.warehouse.transaction() as transaction:
        # As after two transactions that did not see each other.
        transaction.execute("UPDATE ops.quality SET resolved_at = NULL WHERE rule = 'parent'")
    before = rows(road, "record_id", "rule = 'parent' AND resolved_at IS NULL")
    assert look(road, timedelta(0)) == 0
    assert (len(before), noted(road)) == (1, [])


async def test_a_deleted_parent_finds_its_children_and_the_child_is_asked_for(road: Road) -> None:
    await road.send([account(1, ACCOUNTS[0]), account(2, ACCOUNTS[1])])
    await road.send([child(3, ACCOUNTS[0]), child(4, ACCOUNTS[1], OTHER)])
    await road.send([account(5, ACCOUNTS[0], "DELETE")])
    look(road)
    assert noted(road) == [(CASE, "AccountId", ACCOUNTS[0], "waits")]
    assert look(road, timedelta(0)) == 1
    assert asked(road) == [("Case", CASE)]
    # The org empties such a reference without an event.
    await road.send([moved(6, None)])
    assert noted(road) == []


async def test_a_parent_that_is_undeleted_takes_the_notes_of_its_children_away(road: Road) -> None:
    await road.send([account(1, ACCOUNTS[0])])
    await road.send([child(2, ACCOUNTS[0])])
    await road.send([account(3, ACCOUNTS[0], "DELETE")])
    look(road)
    assert len(noted(road)) == 1
    await road.send([account(4, ACCOUNTS[0], "UNDELETE")])
    assert noted(road) == []


async def test_what_the_catalogue_does_not_have_is_no_parent(road: Road) -> None:
    await road.send([event(1, {**whole_case(1), "OwnerId": "005000000000009AAA"}, record_ids=[CASE])])
    assert noted(road) == []


async def test_two_live_records_with_one_value_are_noted_until_one_of_them_changes(road: Road) -> None:
    same = {"Subject": "the same"}
    where = "rule = 'unique' AND resolved_at IS NULL"
    await road.send([event(1, {**whole_case(1), **same}, record_ids=[CASE])])
    look(road)
    assert rows(road, "record_id", where) == []
    await road.send([event(2, {**whole_case(2), **same}, record_ids=[OTHER])])
    look(road)
    assert rows(road, "record_id, field, target, severity", where) == [(OTHER, "Subject", CASE, "warn")]
    # The other one changes: the note is about a record that this batch does not touch.
    await road.send([event(3, {"Subject": "another"}, change_type="UPDATE", record_ids=[CASE])])
    look(road)
    assert rows(road, "record_id", where) == []


async def test_a_deleted_record_gives_its_value_back(road: Road) -> None:
    same = {"Subject": "the same"}
    await road.send([event(1, {**whole_case(1), **same}, record_ids=[CASE])])
    await road.send([event(2, {}, change_type="DELETE", record_ids=[CASE])])
    await road.send([event(3, {**whole_case(3), **same}, record_ids=[OTHER])])
    look(road)
    assert rows(road, "record_id", "rule = 'unique'") == []
