"""Law 3 for replays: whatever is replayed, in whichever order and however often, the warehouse
stays the fold of its changes.

And law 8 with it: what a replay finds to fit is taken out of quarantine and counted as applied.
"""

import random
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from activities.apply.applier import Applier
from activities.replay.redrive import Redriver
from clients.storage.chain import Chain, RowFacts
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.shadow.compare import TableDifference, compare_shadow, drop_shadow, shadows_of
from schemas.errors import SettingsError
from schemas.replay import ReplaySelection
from tests.laws.test_law_3_a_change_counts_once import (
    CATALOGUE,
    as_rows,
    current,
    deliveries,
    empty,
    staged,
    unique,
    versions_of,
)
from tests.support.builders.batches import Road, contents
from tests.support.builders.bus import event, protector, stamps
from tests.support.builders.catalogues import strict
from tests.support.builders.examples import examples
from tests.support.builders.oracle import fold_events
from tests.support.engines.replaying import ORG, Replays, checksum
from transforms.ingest.row_pages import page_of_records, protect_page

pytestmark = pytest.mark.service

CASES = [f"500{number:012d}AAA" for number in range(9)]
STRANGER = "a99000000000001AAA"


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, strict())
    warehouse.ensure_tables(opened.catalogue)
    return opened


@pytest.fixture
def applier(warehouse: PostgresWarehouse, store: ObjectStore) -> Applier:
    warehouse.ensure_tables(CATALOGUE)
    return Applier(warehouse, store, CATALOGUE)


@pytest.fixture
def replays(road: Road, database: str) -> Replays:
    return Replays(road, database, road.catalogue)


def batches() -> list[list[dict[str, Any]]]:
    """Updates, duplicates, merged events, deletions, values that do not fit, and changes that are
    refused, in five batches.
    """
    updates = [
        event(10 + number, {"Subject": f"s{number}"}, change_type="UPDATE", record_ids=[CASES[number % 4]])
        for number in range(12)
    ]
    return [
        [event(1, record_ids=CASES[:4]), event(2, record_ids=[CASES[4]])],
        updates[:6],
        [
            event(21, {"Hidden__c": 7, "Status": "Closed"}, change_type="UPDATE", record_ids=[CASES[0]]),
            event(22, {"IsEscalated": "no", "Surprise__c": "s"}, change_type="UPDATE", record_ids=[CASES[0]]),
            event(
                23,
                {"Name": {"LastName": "Lund"}, "Title": "t", **stamps()},
                object_name="Contact",
                record_ids=["003000000000001AAA"],
            ),
            event(24, {"A__c": 5}, object_name="Stranger__c", record_ids=[STRANGER]),
            event(25, {"Subject": "no status"}, record_ids=[CASES[7]]),
        ],
        [event(26, {}, change_type="DELETE", record_ids=[CASES[1]]), event(27, record_ids=[CASES[5]])],
        [updates[2], event(28, {"Subject": "late"}, change_type="UPDATE", record_ids=[CASES[2]])],
    ]


ROWS = [
    {"Id": CASES[2], "IsDeleted": False, "SystemModstamp": "2027-01-01T00:00:00.000Z", "CaseNumber": "2"},
    {"Id": CASES[8], "IsDeleted": True, "SystemModstamp": "2027-01-01T00:00:00.000Z", "CaseNumber": "8"},
    {"Id": CASES[6], "IsDeleted": False, "SystemModstamp": "2027-01-01T00:00:00.000Z"},
]
"""As a backfill reads them: one that the stream knows, one in the recycle bin (two changes), one
that lacks a required field.
"""
CHANGES = (
    sum(len(each["payload"]["ChangeEventHeader"]["recordIds"]) for some in batches() for each in some) + 4
)


async def send(road: Road) -> None:
    """Every batch, and one of rows at the end."""
    for some in batches():
        await road.send(some)
    spec, moment = road.catalogue.object("Case"), datetime(2027, 1, 2, tzinfo=UTC)
    rows = [row | {**stamps(), "Status": "New"} if "CaseNumber" in row else row for row in ROWS]
    page = protect_page(page_of_records(rows, spec), spec, protector(road.catalogue))
    chain = Chain(road.store, org=ORG, lane=road.lane)
    manifest, _ = chain.land_rows(
        page, start=road.position, end="29", facts=RowFacts("Case", moment, moment, 0)
    )
    for item in (await road.stage(manifest)).values():
        road.applier(road.warehouse).apply([item])


@pytest.mark.parametrize("seed", range(3))
async def test_replays_in_any_order_and_number_leave_every_row_as_it_was(
    road: Road, replays: Replays, database: str, seed: int
):
    await send(road)
    before = checksum(database)
    replays.chance = random.Random(seed)
    for _ in range(2):
        counts = await replays.run()
        assert (counts.applied, counts.released) == (0, 0)
        assert counts.changes == counts.duplicate + counts.quarantined
        assert counts.changes == CHANGES
    assert checksum(database) == before
    assert before.keys() >= {"ops.ledger", "ops.quarantine", "curated.contact_history"}


@settings(
    max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(delivery=deliveries(), seed=st.integers(0, 2**16))
def test_any_mixture_of_applies_and_redrives_gives_the_fold(applier: Applier, delivery, seed: int):
    made, places = delivery
    empty(applier)
    items = [staged(applier, [made[place] for place in batch]) for batch in places]
    redriver, chance = Redriver(applier.warehouse, applier.catalogue), random.Random(seed)
    items = chance.choices(items, k=2 * len(items)) + items
    chance.shuffle(items)
    while items:
        size = chance.randint(1, 3)
        group, items = unique(items[:size]), items[size:]
        if chance.random() < 0.4:
            applier.apply(group)
            continue
        spec = applier.catalogue.objects[group[0].staged.object]
        counts = redriver.redrive([applier.read(item, spec) for item in group])
        assert counts.changes == counts.applied + counts.duplicate + counts.quarantined
    expected = as_rows(fold_events(made))
    assert current(applier, history=True) == {key: versions[-1] for key, versions in expected.items()}
    assert versions_of(applier) == expected


async def test_a_warehouse_that_lost_everything_is_made_again_from_raw(
    road: Road, replays: Replays, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    before = contents(warehouse, road.catalogue, clock=False)
    with psycopg.connect(database) as connection:
        for table in before:
            connection.execute(f"DELETE FROM {table}".encode())
    replays.chance = random.Random(7)
    await replays.run()
    after = contents(warehouse, road.catalogue, clock=False)
    # Which of two deliveries of a change was the first, and which records had to be folded again,
    # is a matter of order.
    assert without_order(after) == without_order(before)


async def test_a_shadow_of_everything_is_equal(
    road: Road, replays: Replays, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    before = checksum(database)
    await replays.run(shadow="again")
    compared = list(compare_shadow(warehouse, road.catalogue, "again"))
    assert [each for each in compared if not each.is_equal] == []
    assert sum(each.both for each in compared) > 20
    assert checksum(database) == before


async def test_a_shadow_shows_which_records_differ_in_what(
    road: Road, replays: Replays, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    with psycopg.connect(database) as connection:
        seeded = (
            "UPDATE curated.case_current SET subject = 'changed by hand', status = NULL WHERE record_id = %s"
        )
        connection.execute(seeded.encode(), (CASES[3],))
        connection.execute(b"DELETE FROM curated.case_current WHERE record_id = %s", (CASES[4],))
    await replays.run(shadow="seeded")
    different = [each for each in compare_shadow(warehouse, road.catalogue, "seeded") if not each.is_equal]
    assert different == [
        TableDifference(
            object="Case",
            table="curated.case_current",
            both=6,
            only_here=0,
            only_there=1,
            differing=1,
            columns={"status": 1, "subject": 1},
            examples=(CASES[3], CASES[4]),
        )
    ]


async def test_a_shadow_of_one_object_leaves_out_the_others(
    road: Road, replays: Replays, warehouse: PostgresWarehouse
):
    await send(road)
    await replays.run(shadow="part", selection=ReplaySelection(org=ORG, lane=road.lane, object="Contact"))
    compared = {each.table: each for each in compare_shadow(warehouse, road.catalogue, "part")}
    assert compared["curated.contact_history"].is_equal
    assert (compared["curated.case_current"].both, compared["curated.case_current"].only_here) == (0, 7)


async def test_a_dropped_shadow_leaves_nothing(
    road: Road, replays: Replays, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    before = checksum(database)
    await replays.run(shadow="gone")
    assert shadows_of(warehouse) == ["gone"]
    drop_shadow(warehouse, "gone")
    assert shadows_of(warehouse) == []
    assert checksum(database) == before
    with pytest.raises(SettingsError, match="There is no shadow gone"):
        list(compare_shadow(warehouse, road.catalogue, "gone"))


async def test_a_record_that_went_wrong_is_made_again_from_its_changes(
    road: Road, replays: Replays, database: str
):
    await send(road)
    before = checksum(database)
    one = ReplaySelection(org=ORG, object="Case", record=CASES[2])
    with psycopg.connect(database) as connection:
        connection.execute(
            b"UPDATE curated.case_current SET subject = 'wrong' WHERE record_id = %s", (CASES[2],)
        )
    counts = await replays.run(selection=one)
    assert checksum(database) == before
    assert (counts.batches, counts.applied, counts.changes) == (4, 0, 5)
    with psycopg.connect(database) as connection:
        connection.execute(
            b"UPDATE curated.case_current SET subject = 'wrong' WHERE record_id = %s", (CASES[3],)
        )
    await replays.run(selection=one)
    assert checksum(database) != before, "another record is not touched"


def without_order(tables: dict[str, list[str]]) -> dict[str, list[str]]:
    import ast

    left_out = {"batch", "applied", "duplicate", "rebuilt"}
    return {
        table: sorted(
            str([(name, value) for name, value in ast.literal_eval(row) if name not in left_out])
            for row in rows
        )
        for table, rows in tables.items()
    }
