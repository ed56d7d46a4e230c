"""A dry run of one writeback, and the cost of a set of them."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.salesforce.describe import DescribedField, DescribedObject
from schemas.writeback.messages import Carrier
from schemas.writeback.preview import FieldDifference, PreviewEffect, WouldBe
from tests.unit.writeback.test_batching import AT_ONCE, NOW, waiting
from tests.unit.writeback.test_decide import entry, guard, record
from transforms.writeback.batching import CALL_ROWS, JOB_CALLS
from transforms.writeback.facts import SeenRecord, ToSend
from transforms.writeback.preview import cost_of, flagged, would_be

ROW = {"index": 3, "key": "ExternalId__c=C-1"}
UPDATE_ONLY = DescribedField(createable=False, updateable=True)
CREATE_ONLY = DescribedField(createable=True, updateable=False)


def previewed(sent: ToSend, seen: SeenRecord | None, **described: DescribedField) -> WouldBe:
    known = DescribedObject(object="Case", described_at=NOW, fields=described) if described else None
    return would_be(ROW, sent, seen, guard(), known, NOW)


def test_an_update_shows_each_field_that_would_change() -> None:
    found = previewed(entry(fields={"Subject": "ours", "Status": "New"}), record())
    assert (found.index, found.object, found.key, found.record_id) == (3, "Case", "ExternalId__c=C-1", "500A")
    assert found.effect is PreviewEffect.UPDATE
    assert found.differences == (FieldDifference(field="Subject", now="before", then="ours"),)
    assert found.warnings == ()


def test_a_record_that_has_every_value_stays_as_it_is() -> None:
    found = previewed(entry(), record(subject="ours"))
    assert (found.effect, found.differences) == (PreviewEffect.NOTHING, ())


def test_a_new_record_shows_every_field_and_names_what_it_still_needs() -> None:
    found = previewed(entry(may_create=True), None)
    assert (found.effect, found.record_id) == (PreviewEffect.CREATE, None)
    assert found.differences == (FieldDifference(field="Subject", now=None, then="ours"),)
    assert found.warnings == ("a new record needs Status",)
    full = entry(may_create=True, fields={"Status": "New"})
    assert previewed(full, None).warnings == ()


def test_what_is_not_sent_says_why_and_shows_nothing() -> None:
    found = previewed(entry(only_if={"Status": "Closed"}), record())
    assert (found.effect, found.differences, found.record_id) == (PreviewEffect.NOT_SENT, (), "500A")
    assert "Status has no longer the value" in found.why


@pytest.mark.parametrize("name", ["Description", "Unknown__c"])
def test_a_protected_or_unknown_field_differs_without_its_values(name: str) -> None:
    assert previewed(entry(fields={name: "secret"}), record()).differences == (
        FieldDifference(field=name, is_hidden=True),
    )


def test_a_parent_by_its_external_id_may_differ() -> None:
    found = previewed(entry(fields={"Account": {"ExternalId__c": "A-1"}}), record())
    assert found.differences == (FieldDifference(field="Account", is_hidden=True),)


def test_a_field_that_the_org_does_not_let_us_set_is_warned_of() -> None:
    new, old = (
        entry(may_create=True, fields={"Status": "x"}),
        entry(fields={"Status": "x"}),
    )
    assert previewed(new, None, Status=UPDATE_ONLY).warnings == (
        "Status cannot be set when a record is made",
    )
    assert previewed(new, None, Status=CREATE_ONLY).warnings == ()
    assert previewed(old, record(), Status=CREATE_ONLY).warnings == ("Status cannot be changed",)
    assert previewed(old, record(), Status=UPDATE_ONLY).warnings == ()


@pytest.mark.parametrize(
    ("is_ambiguous", "is_binned"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_a_flag_adds_its_own_warning(*, is_ambiguous: bool, is_binned: bool) -> None:
    plain = previewed(entry(), record())
    found = flagged(plain, is_ambiguous=is_ambiguous, is_binned=is_binned).warnings
    assert len(found) == is_ambiguous + is_binned
    assert any("DUPLICATE_EXTERNAL_ID" in each for each in found) is is_ambiguous
    assert any("recycle bin" in each for each in found) is is_binned


def cost(*some: Any) -> Any:
    return cost_of("Case", some, NOW, AT_ONCE)


def test_nothing_costs_nothing() -> None:
    found = cost()
    assert (found.object, found.carrier, found.batches, found.calls, found.sharing, found.parents) == (
        "Case", Carrier.COLLECTIONS, 0, 0, 0, 0,
    )  # fmt: skip


def test_one_call_reads_and_one_writes_as_many_records_as_a_call_takes() -> None:
    assert cost(waiting(1)).calls == 2
    assert cost(*(waiting(number) for number in range(CALL_ROWS))).calls == 2
    assert cost(*(waiting(number) for number in range(CALL_ROWS + 1))).calls == 4


def test_several_of_one_record_go_one_after_the_other() -> None:
    assert cost(waiting(1, "r"), waiting(2, "r"), waiting(3, "r")).batches == 3


def test_those_that_lock_one_parent_are_counted_and_so_are_the_parents() -> None:
    found = cost(
        waiting(1, "", "p1"), waiting(2, "", "p1", "p2"), waiting(3, "", "p3", "p3"), waiting(4, "", "p2"), waiting(5)
    )  # fmt: skip
    assert (found.sharing, found.parents) == (3, 2)


def test_what_is_too_much_for_calls_goes_by_a_job() -> None:
    soon = NOW + timedelta(hours=1)
    many = [waiting(number, deadline=soon) for number in range(15_000)]
    found = cost(*many)
    assert found.carrier is Carrier.BULK
    assert found.calls == -(-len(many) // CALL_ROWS) + JOB_CALLS * found.batches
