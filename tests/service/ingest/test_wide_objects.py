"""An object of 800 fields with names of 60 characters goes every way of the engine, and ends equal
to the org.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio.client import Client

from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.polling import PolledSource
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.postgres_tables import MAX_ROW_BYTES
from schemas.catalogue import FieldType
from schemas.governor import LeaseClass
from schemas.ids import ids_key
from schemas.reconcile import Depth, Verdict
from tests.service.drift.test_drift import DriftEngine, eventually
from tests.support.builders.wide import WIDE, field_name, make_wide, record, wide_catalogue, wide_spec
from tests.support.engines.polling import poll_lane, poll_until
from tests.support.engines.served_org import ServedOrg, served_org
from tests.support.engines.small_engine import serving_engine
from transforms.catalogue.warehouse_names import within

pytestmark = pytest.mark.service

FIELDS, CHARACTERS = 800, 60
EDGES = (
    0,
    1,
    57,
    58,
    59,
    60,
    61,
    119,
    120,
    239,
    240,
    255,
    256,
    257,
    399,
    400,
    511,
    512,
    719,
    720,
    797,
    798,
    799,
)
"""Places of custom fields about the edges of masks of 60 bits, and of bytes."""
TEXT, NUMBER, LAST = (field_name(number, CHARACTERS) for number in (0, 1, FIELDS - 2))


@pytest.fixture
def most_row_bytes() -> int | None:
    """Of the warehouse; a test may set another one."""
    return None


@pytest.fixture
async def engine(
    client: Client,
    store: ObjectStore,
    warehouse: PostgresWarehouse,
    database: str,
    tmp_path: Path,
    most_row_bytes: int | None,
) -> AsyncIterator[DriftEngine]:
    path = wide_catalogue(tmp_path, FIELDS, CHARACTERS)
    catalogue = within(wide_spec(path)[0], most_bytes=None, most_row_bytes=most_row_bytes)
    async with served_org(tmp_path / "org", path) as served:
        made = DriftEngine(
            client, served, store, warehouse, database, org=f"w{uuid.uuid4().hex[:10]}", catalogue=catalogue
        )
        async with serving_engine(made):
            yield made


def current(engine: DriftEngine, *fields: str) -> dict[str, tuple[Any, ...]]:
    columns = engine.catalogue.object(WIDE).columns
    named = ", ".join(columns[field] for field in fields)
    rows = engine.rows(f"SELECT record_id, is_complete, {named} FROM curated.wide_current")
    return {row[0]: row[1:] for row in rows}


async def assert_equal(engine: DriftEngine, run: str, records: int) -> None:
    """Every field of every record is the org's, and nothing waits anywhere."""
    state = await engine.reconcile(WIDE, run, depth=Depth.FIELDS)
    assert (state.verdict, state.found) == (Verdict.EQUAL, 0)
    assert state.org_records == state.warehouse_records == records
    assert engine.rows("SELECT reason FROM ops.quarantine WHERE resolved_at IS NULL") == []
    assert engine.rows("SELECT batch FROM ops.ledger WHERE landed <> applied + duplicate + quarantined") == []


def longest(served: ServedOrg) -> set[str]:
    """Calls to queries, and to what would be a query."""
    return {call.partition("?")[0] for call in served.calls() if "query" in call or "composite" in call}


async def test_a_backfilled_object_of_800_fields_is_equal_field_by_field(engine: DriftEngine) -> None:
    made = make_wide(engine.served.org, 40)
    state = await engine.backfill(WIDE)
    assert (state.stage, state.counts.rows) == ("done", 40)
    found = current(engine, TEXT, NUMBER, LAST)
    assert set(found) == set(made)
    assert found[made[0]][:2] == (True, "text, 0")
    await assert_equal(engine, "all", 40)


async def test_a_polled_lane_over_800_fields_lands_all_and_ends_equal(
    engine: DriftEngine, client: Client, store: ObjectStore
) -> None:
    served = engine.served
    made = make_wide(served.org, 60)
    chain = Chain(store, org=engine.org, lane=WIDE)
    activity = poll_lane(client, store, served)
    activity.protector = engine.protector
    bulk = BulkQuery(served.http, LeaseClass.POLLING)
    delay = timedelta(seconds=1)
    activity.open_source = lambda name: PolledSource(
        served.http, engine.catalogue.object(name), visibility_delay=delay, bulk=bulk
    )
    served.calls()

    def landed() -> bool:
        return sum(manifest.changes for manifest in chain.walk()) >= len(made)

    began = datetime.now(UTC) - timedelta(seconds=30)
    await poll_until(activity, chain, landed, start_at=began, object_name=WIDE)
    assert longest(served) == {"POST /composite"}
    await eventually_applied(engine, len(made))
    assert set(current(engine, TEXT)) == set(made)
    await assert_equal(engine, "polled", 60)


async def eventually_applied(engine: DriftEngine, count: int) -> None:
    await eventually(lambda: engine.rows("SELECT COUNT(*) FROM curated.wide_current") == [(count,)])


async def test_records_of_800_fields_are_repaired_by_their_ids(engine: DriftEngine) -> None:
    org = engine.served.org
    made = make_wide(org, 20)
    await engine.backfill(WIDE)
    column = engine.catalogue.object(WIDE).columns[LAST]
    engine.rows(f"UPDATE curated.wide_current SET {column} = NULL, name = 'by hand' RETURNING 1")
    org.delete(WIDE, made[0])
    key = ids_key(engine.org, uuid.uuid4().hex)
    engine.store.put(key, orjson.dumps(made))
    engine.served.calls()
    state = await engine.backfill(WIDE, "repair-1", ids_key=key, is_repair=True)
    assert state.stage == "done"
    assert longest(engine.served) == {f"POST /composite/sobjects/{WIDE}", "POST /composite"}
    assert engine.rows("SELECT record_id FROM curated.wide_current WHERE is_deleted") == [(made[0],)]
    await assert_equal(engine, "repaired", 19)


async def test_changes_of_single_fields_at_the_edges_of_every_mask_are_applied(engine: DriftEngine) -> None:
    org = engine.served.org
    fields = engine.catalogue.object(WIDE).fields
    custom = [name for name in fields if name.startswith("F")]
    made = make_wide(org, len(EDGES))
    await engine.backfill(WIDE)
    await engine.follow()
    for record_id, place in zip(made, EDGES, strict=True):
        whole = record(org, 8 + place, 1)
        org.update(WIDE, record_id, {custom[place]: whole[custom[place]]})
        emptied = None if fields[custom[-1 - place]].type is not FieldType.BOOLEAN else False
        org.update(WIDE, record_id, {custom[-1 - place]: emptied, "Name": f"changed {place}"})
    changed = "SELECT COUNT(*) FROM curated.wide_current WHERE name LIKE 'changed %'"
    await eventually(lambda: engine.rows(changed) == [(len(EDGES),)])
    await assert_equal(engine, "followed", len(EDGES))


async def test_hundreds_of_fields_are_read_again_and_only_what_differs_is_applied(
    engine: DriftEngine,
) -> None:
    made = make_wide(engine.served.org, 20)
    await engine.backfill(WIDE)
    spec = engine.catalogue.object(WIDE)
    engine.rows(f"UPDATE curated.wide_current SET {spec.columns[TEXT]} = 'by hand' RETURNING 1")
    fields = tuple(name for name in spec.fields if name.startswith("F"))
    engine.served.calls()
    state = await engine.refresh(WIDE, fields=fields)
    assert state.stage == "done", state
    assert longest(engine.served) == {"POST /composite"}
    assert current(engine, TEXT)[made[0]] == (True, "text, 0")
    await assert_equal(engine, "refreshed", 20)


@pytest.mark.parametrize("most_row_bytes", [MAX_ROW_BYTES])
async def test_what_a_row_has_no_room_for_is_named_and_not_repaired_in_circles(engine: DriftEngine) -> None:
    org = engine.served.org
    make_wide(org, 9)
    with org.transaction() as tx:
        full = tx.create(WIDE, record(org, 9, 1))
    await engine.backfill(WIDE)
    ((unknown,),) = engine.rows(f"SELECT unknown_fields FROM curated.wide_current WHERE record_id = '{full}'")
    assert len(unknown.split(",")) > 50
    logged = engine.rows("SELECT COUNT(*) FROM audit.wide_change")
    for run in ("first", "second"):
        state = await engine.reconcile(WIDE, run, depth=Depth.FIELDS)
        assert (state.verdict, state.found, state.repaired) == (Verdict.ISOLATED, 0, 0)
        assert state.isolated is not None
        assert (state.isolated.records, state.isolated.fields) == (1, len(unknown.split(",")))
    assert engine.rows("SELECT COUNT(*) FROM audit.wide_change") == logged

    # A field that fits is compared beside them.
    column = engine.catalogue.object(WIDE).columns[TEXT]
    engine.rows(
        f"UPDATE curated.wide_current SET {column} = 'by hand' WHERE record_id = '{full}' RETURNING 1"
    )
    state = await engine.reconcile(WIDE, "third", depth=Depth.FIELDS, checks_log=False)
    assert (state.verdict, state.found, state.left) == (Verdict.ISOLATED, 1, 0)
