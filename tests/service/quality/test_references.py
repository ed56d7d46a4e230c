"""The rules `parent` and `unique`: a late parent is waited for, asked for and then missed by name;
a value is one record's.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from activities.quality.late_parents import LateParents
from activities.quality.references import LookPace, ReferenceChecks
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import Catalogue, default_catalogue
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps, whole_case

pytestmark = pytest.mark.service

ACCOUNTS = [f"001{number:012d}AAA" for number in range(4)]
CASE, OTHER, THIRD = "500000000000001AAA", "500000000000002AAA", "500000000000003AAA"
AT_ONCE = LookPace(delay=timedelta(0), every=timedelta(0), budget=timedelta(hours=1))
SHARED = "rule = 'unique' AND resolved_at IS NULL"


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
    return LateParents(road.warehouse, road.catalogue, grace, pace=AT_ONCE).look()


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


def let_an_hour_pass(road: Road) -> None:
    """A checked reference is not checked again."""
    with road.warehouse.transaction() as transaction:
        for table in ("case", "account"):
            transaction.execute(
                f"UPDATE audit.{table}_change SET applied_at = applied_at - INTERVAL '1 hour'"
            )


async def test_changes_of_hours_are_looked_at_slice_by_slice(road: Road) -> None:
    cases = [f"500{number:012d}AAB" for number in range(5)]
    await road.send([child(number, ACCOUNTS[0], each) for number, each in enumerate(cases, start=1)])
    with road.warehouse.transaction() as transaction:
        apart = "UPDATE audit.case_change SET applied_at = applied_at - INTERVAL '3 hours' * CAST(SUBSTRING(record_id, 4, 12) AS INT)"
        transaction.execute(apart)
    LateParents(road.warehouse, road.catalogue, pace=AT_ONCE._replace(slice=1)).look()
    assert rows(road, "record_id", "rule = 'parent'") == [(each,) for each in cases]


async def test_what_is_older_than_a_day_at_the_first_look_is_left_to_its_next_change(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0])])
    with road.warehouse.transaction() as transaction:
        transaction.execute("UPDATE audit.case_change SET applied_at = applied_at - INTERVAL '30 days'")
    assert noted(road) == []
    await road.send([moved(2, ACCOUNTS[1])])
    assert [record_id for record_id, *_ in noted(road)] == [CASE]


async def test_a_look_comes_not_sooner_than_its_pace_says(road: Road) -> None:
    pace = AT_ONCE._replace(every=timedelta(seconds=45))
    await road.send([child(1, ACCOUNTS[0])])
    LateParents(road.warehouse, road.catalogue, pace=pace).look()
    await road.send([child(2, ACCOUNTS[0], OTHER)])
    LateParents(road.warehouse, road.catalogue, pace=pace).look()
    assert rows(road, "record_id") == [(CASE,)]
    assert len(noted(road)) == 2


async def test_two_that_look_at_once_do_not_disturb_each_other(road: Road) -> None:
    cases = [f"500{number:012d}AAB" for number in range(60)]
    await road.send([child(number, ACCOUNTS[0], each) for number, each in enumerate(cases, start=1)])
    with road.warehouse.transaction() as transaction:
        apart = "UPDATE audit.case_change SET applied_at = applied_at - INTERVAL '1 minute' * CAST(SUBSTRING(record_id, 4, 12) AS INT)"
        transaction.execute(apart)
    both = [LateParents(road.warehouse, road.catalogue, pace=AT_ONCE._replace(slice=3)) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda each: each.look(), both))
    assert rows(road, "record_id, seen") == [(each, 1) for each in cases]


async def test_children_of_a_deleted_parent_do_not_count_as_changes_that_failed(road: Road) -> None:
    await road.send([account(1, ACCOUNTS[0]), child(2, ACCOUNTS[0]), child(3, ACCOUNTS[0], OTHER)])
    look(road)
    await road.send([account(4, ACCOUNTS[0], "DELETE")])
    assert len(noted(road)) == 2
    with road.warehouse.transaction() as transaction:
        counts = transaction.fetch(
            "SELECT checked, failed FROM ops.quality_day WHERE field = 'AccountId' AND rule = 'parent'"
        )
    assert counts == [(2, 0)]


async def test_a_rule_that_is_switched_off_leaves_no_open_finding(road: Road) -> None:
    await road.send([child(1, ACCOUNTS[0]), case_of(2, OTHER, "same"), case_of(3, THIRD, "same")])
    look(road)
    before = rows(road, "DISTINCT record_id, rule", "resolved_at IS NULL")
    given = road.catalogue.model_dump(mode="json", exclude_defaults=True)
    del given["objects"]["Case"]["fields"]["Subject"]["unique"]
    given["objects"]["Case"]["fields"]["AccountId"]["severity"] = {"parent": "off"}
    ReferenceChecks(road.warehouse, Catalogue.model_validate(given)).close_rules_that_are_off()
    assert (len(before), rows(road, "record_id", "resolved_at IS NULL")) == (3, [])


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


def case_of(number: int, record_id: str, subject: str) -> dict[str, Any]:
    return event(number, {**whole_case(number), "Subject": subject}, record_ids=[record_id])


def update(number: int, record_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    change = {**fields, "LastModifiedDate": stamps()["LastModifiedDate"]}
    return event(number, change, change_type="UPDATE", record_ids=[record_id])


def sharing(road: Road) -> list[tuple[Any, ...]]:
    look(road)
    return rows(road, "record_id, target", SHARED)


async def test_two_live_records_with_one_value_are_noted_until_one_of_them_changes(road: Road) -> None:
    await road.send([case_of(1, CASE, "same")])
    assert sharing(road) == []
    let_an_hour_pass(road)
    await road.send([case_of(2, OTHER, "same")])
    assert sharing(road) == [(OTHER, CASE)]
    # The other one changes: the note is about a record that this batch does not touch.
    await road.send([update(3, CASE, {"Subject": "another"})])
    assert sharing(road) == []


async def test_a_record_is_noted_also_when_the_other_holder_was_changed_after_it(road: Road) -> None:
    await road.send([case_of(1, CASE, "same")])
    look(road)
    let_an_hour_pass(road)
    await road.send([case_of(2, OTHER, "same")])
    await road.send([update(3, CASE, {"Status": "Closed"})])
    assert sharing(road) == [(OTHER, CASE)]


async def test_an_older_record_that_comes_late_is_noted(road: Road) -> None:
    await road.send([case_of(9, CASE, "same")])
    look(road)
    let_an_hour_pass(road)
    await road.send([case_of(2, OTHER, "same")])
    assert sharing(road) == [(OTHER, CASE)]


async def test_of_three_holders_of_a_value_the_last_one_is_noted_no_more(road: Road) -> None:
    await road.send([case_of(1, CASE, "same"), case_of(2, OTHER, "same"), case_of(3, THIRD, "same")])
    assert [record_id for record_id, _ in sharing(road)] == [CASE, OTHER, THIRD]
    let_an_hour_pass(road)
    await road.send([update(4, CASE, {"Subject": "a"})])
    assert sharing(road) == [(OTHER, THIRD), (THIRD, OTHER)]
    let_an_hour_pass(road)
    await road.send([update(5, THIRD, {"Subject": "b"})])
    assert sharing(road) == []


async def test_a_deleted_record_gives_its_value_back(road: Road) -> None:
    same = {"Subject": "the same"}
    await road.send([event(1, {**whole_case(1), **same}, record_ids=[CASE])])
    await road.send([event(2, {}, change_type="DELETE", record_ids=[CASE])])
    await road.send([event(3, {**whole_case(3), **same}, record_ids=[OTHER])])
    look(road)
    assert rows(road, "record_id", "rule = 'unique'") == []
