"""Rows, fields and batches that are not as they should be."""

import pytest

from cli.local.engine_processes import ROLES
from tests.incidents.engine import RunningEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]

CODE = "drift.needs_somebody"


def test_a_row_that_was_changed_by_hand_is_found_and_repaired(engine: RunningEngine) -> None:
    record, _ = engine.org.case(Subject="as in the org")
    wait_for(lambda: engine.tidegate("trace", record).code == 0, every=0.5)
    with engine.warehouse() as connection:
        change = "UPDATE curated.case_current SET subject = 'by hand' WHERE record_id = %s"
        assert connection.execute(change, [record]).rowcount == 1
    engine.undo.callback(engine.tidegate, "reconcile", "Case", "--depth", "fields")
    # As the schedule does, but it leaves the repair to the operator.
    assert engine.tidegate("reconcile", "Case", "--depth", "fields", "--no-repair").code == 1

    engine.wait_for_problem("reconcile.differs", "Case")

    repaired = engine.runbook("a-row-was-changed-by-hand", OBJECT="Case")
    assert repaired.code == 0, str(repaired)
    with engine.warehouse() as connection:
        found = connection.execute("SELECT subject FROM curated.case_current WHERE record_id = %s", [record])
        assert found.fetchone() == ("as in the org",)
    engine.wait_until_clean()


_CITY = {"type": "string", "length": 40, "part_of": "BillingAddress", "part": "City"}


def test_changes_that_a_faulty_release_refused_come_back_by_a_replay(engine: RunningEngine) -> None:
    discard = ("quarantine", "discard", "--object", "Account", "--reason", "the test ends")
    engine.undo.callback(engine.tidegate, *discard)
    record = engine.org.create("Account", Name="a household", BillingCity="Forbidden by a faulty rule")
    engine.wait_for_problem("quarantine.waiting", "pattern")

    engine.change_catalogue("Account", "BillingCity", dict(_CITY))
    engine.restart_workers("batches", "backfill")
    names = {"OBJECT": "Account", "BEGIN": "1h", "END": "0s", "REASON": "the rule is corrected"}
    replayed = engine.runbook("replay-after-a-fault-in-the-code", **names)
    assert replayed.code == 0, str(replayed)
    assert engine.tidegate("trace", record).code == 0
    engine.wait_until_clean()


def test_a_held_object_is_named_and_released(engine: RunningEngine) -> None:
    discard = ("quarantine", "discard", "--object", "Case", "--reason", "the test ends")
    engine.undo.callback(engine.tidegate, *discard)
    release = ("quality", "release", "Case", "--reason", "the test ends")
    engine.undo.callback(engine.tidegate, *release)
    for _ in range(3):
        engine.org.case(Subject="Forbidden")

    engine.wait_for_problem("object.held", "Case")

    assert engine.runbook("object-held", OBJECT="Case", REASON="as it should be").code == 0
    # What breaks the rule is in quarantine then, as the entry says.
    engine.wait_for_problem("quarantine.waiting", "pattern")
    assert engine.look().find("object.held") is None
    engine.tidegate(*discard)
    engine.wait_until_clean()


def test_an_object_whose_table_is_locked_is_late_alone(engine: RunningEngine) -> None:
    with engine.warehouse() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE curated.case_current IN ACCESS EXCLUSIVE MODE")
        engine.org.late_case()
        engine.wait_for_problem("object.late", "Case")
        assert engine.look().find("object.late", "Account") is None
    assert engine.runbook("a-table-is-locked").code == 0
    engine.wait_until_clean()


def test_an_added_field_is_named_and_settled_in_the_catalogue(engine: RunningEngine) -> None:
    engine.org.add_field("Account", name="Nickname__c", type="string", length=40)

    engine.wait_for_problem(CODE)
    assert "Nickname__c" in engine.runbook("a-field-was-added").out

    engine.change_catalogue("Account", "Nickname__c", {"type": "string", "length": 40})
    engine.restart_workers(*ROLES)
    engine.wait_until_clean()


def test_a_removed_field_is_named_and_clean_when_it_is_back(engine: RunningEngine) -> None:
    engine.org.remove_field("Account", "LastReviewedAt__c")

    engine.wait_for_problem(CODE)
    assert "LastReviewedAt__c" in engine.runbook("a-field-was-removed").out

    engine.org.add_field("Account", name="LastReviewedAt__c", type="datetime")
    assert engine.runbook("a-field-was-removed").code == 0
    engine.wait_until_clean()


def test_a_retyped_field_is_named_and_clean_when_it_is_taken_back(engine: RunningEngine) -> None:
    engine.org.retype_field("Account", "HouseholdSize__c", "string")
    engine.undo.callback(engine.org.retype_field, "Account", "HouseholdSize__c", "int")

    engine.wait_for_problem(CODE)
    assert "HouseholdSize__c" in engine.runbook("a-field-has-another-type").out

    engine.org.retype_field("Account", "HouseholdSize__c", "int")
    assert engine.runbook("a-field-has-another-type").code == 0
    engine.wait_until_clean()
