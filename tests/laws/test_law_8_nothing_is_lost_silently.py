"""Law 8: for every batch and object, landed = applied + duplicate + quarantined, and it is checked
always.
"""

from collections import Counter
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from schemas.errors import LedgerImbalanceError
from schemas.ingest.messages import ApplyInput, StageInput
from schemas.ingest.raw import Manifest
from schemas.quality import Rule
from tests.support.builders.batches import Road, contents
from tests.support.builders.bus import event, whole_case
from tests.support.builders.catalogues import strict
from transforms.ingest.change_header import BAD_HEADER
from transforms.ingest.decode_events import (
    AHEAD_OF_CLOCK,
    BROKEN,
    BROKEN_MESSAGE,
    MISSING_REQUIRED,
    NEEDS_REREAD,
    UNKNOWN_OBJECT,
)

pytestmark = pytest.mark.service

CASES = [f"500{number:012d}AAA" for number in range(20)]


@pytest.fixture
def warehouse(any_warehouse: Warehouse) -> Warehouse:
    return any_warehouse


@pytest.fixture
def road(warehouse: Warehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, strict())
    warehouse.ensure_tables(opened.catalogue)
    return opened


def without_header_of(data: dict[str, Any], name: str) -> dict[str, Any]:
    del data["payload"]["ChangeEventHeader"][name]
    return data


def ahead(data: dict[str, Any]) -> dict[str, Any]:
    data["payload"]["ChangeEventHeader"]["commitTimestamp"] = 4_102_444_800_000  # in the year 2100
    return data


def mixed() -> list[dict[str, Any]]:
    """Good, bad, doubled and strange events; each of the reasons of quarantine is among them, and
    fields that do not fit.
    """
    same = event(1, record_ids=CASES[:3])
    return [
        event(1, record_ids=CASES[:3]),
        same,
        event(3, {**whole_case(3), "IsEscalated": "yes"}),
        event(4, {**whole_case(4), "Subject": "x" * 256}),
        event(5, {**whole_case(5), "Surprise2__c": 1}),
        event(6, {"Subject": "no status"}),
        event(7, {}, change_type="GAP_UPDATE", record_ids=CASES[5:7]),
        without_header_of(event(8), "commitNumber"),
        event(
            9, {"A__c": 1}, object_name="Stranger__c", record_ids=["a99000000000001AAA", "a99000000000002AAA"]
        ),
        {"event": {"replayId": 10}, "payload": {"no": "header"}},
        {BROKEN: '{"data": {"payload": {"ChangeEventHea', "event": {"replayId": 11}},
        ahead(event(13)),
        event(14, {**whole_case(14), "Surprise__c": "unforeseen"}),
        event(12, {"Name": {"LastName": "Lund"}}, object_name="Contact", change_type="UPDATE"),
    ]


EXPECTED = {"Case": (15, 6, 3, 6), "Contact": (1, 1, 0, 0), "Stranger__c": (2, 0, 0, 2), "": (2, 0, 0, 2)}
"""Object -> landed, applied, duplicate, quarantined of the mixed batch."""


async def test_a_mixed_batch_balances_for_every_object(road: Road, warehouse: Warehouse):
    results = await road.send(mixed())
    assert {r.object: (r.landed, r.applied, r.duplicate, r.quarantined) for r in results.values()} == EXPECTED
    with warehouse.transaction() as transaction:
        rows = transaction.fetch("SELECT object, landed, applied, duplicate, quarantined FROM ops.ledger")
    assert {row[0]: row[1:] for row in rows} == EXPECTED


async def test_every_refused_change_has_a_row_with_its_reason(road: Road, warehouse: Warehouse):
    await road.send(mixed())
    with warehouse.transaction() as transaction:
        rows = transaction.fetch("SELECT object, reason, detail, record_id, event FROM ops.quarantine")
    assert Counter((row[0], row[1]) for row in rows) == {
        ("Case", MISSING_REQUIRED): 1,
        ("Case", AHEAD_OF_CLOCK): 1,
        ("Case", Rule.VALUES): 1,
        ("Case", NEEDS_REREAD): 2,
        ("Case", BAD_HEADER): 1,
        ("Stranger__c", UNKNOWN_OBJECT): 2,
        ("", BAD_HEADER): 1,
        ("", BROKEN_MESSAGE): 1,
    }
    assert all(row[2] and row[4] for row in rows)
    assert {row[3] for row in rows if row[1] == NEEDS_REREAD} == set(CASES[5:7])


async def test_every_field_that_did_not_fit_has_a_row_with_its_reason(road: Road, warehouse: Warehouse):
    await road.send(mixed())
    with warehouse.transaction() as transaction:
        rows = transaction.fetch("SELECT field, rule, detail FROM ops.quality WHERE severity = 'isolate'")
        ((isolated,),) = transaction.fetch("SELECT isolated FROM ops.ledger WHERE object = 'Case'")
    assert {row[:2] for row in rows} == {
        ("IsEscalated", Rule.WRONG_TYPE),
        ("Subject", Rule.TOO_LONG),
        ("Surprise2__c", Rule.UNKNOWN_FIELD),
    }
    assert all(row[2] for row in rows)
    assert isolated == len(rows) == 3


async def test_changes_that_come_again_in_a_later_batch_are_counted_as_duplicates(road: Road):
    await road.send(mixed())
    again = await road.send([*mixed()[:2], event(30)])
    [result] = again.values()
    assert (result.landed, result.applied, result.duplicate, result.quarantined) == (7, 1, 6, 0)


def claims(manifest: Manifest, landed: dict[str, int]) -> StageInput:
    return StageInput(manifest=manifest.model_copy(update={"landed": landed}))


@pytest.mark.parametrize(
    "landed",
    [
        pytest.param({"Case": 3}, id="fewer-than-the-file"),
        pytest.param({"Case": 5}, id="more-than-the-file"),
        pytest.param({"Case": 4, "Contact": 1}, id="an-object-the-file-lacks"),
        pytest.param({}, id="none"),
    ],
)
async def test_a_file_that_is_not_what_was_landed_is_not_staged(road: Road, landed: dict[str, int]):
    manifest = road.land([event(number) for number in range(1, 5)])
    with pytest.raises(LedgerImbalanceError, match="landed"):
        await ActivityEnvironment().run(road.batches.stage_batch, claims(manifest, landed))


async def test_a_change_that_vanishes_between_staging_and_applying_stops_the_batch(
    road: Road, warehouse: Warehouse
):
    [item] = (await road.stage(road.land([event(1), event(2), event(3, {"Subject": "no status"})]))).values()
    untouched = contents(warehouse, road.catalogue)
    for lost in ("staged_key", "refused_key"):
        less = ApplyInput(manifest=item.manifest, staged=item.staged.model_copy(update={lost: None}))
        with pytest.raises(LedgerImbalanceError, match="Nothing was committed"):
            road.applier(warehouse).apply([less])
    assert contents(warehouse, road.catalogue) == untouched
