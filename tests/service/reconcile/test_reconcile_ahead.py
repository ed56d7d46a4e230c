"""A change ahead of the clock, as older releases applied it: it is named, taken out of force, and
nothing is frozen by it any more.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.reconcile import Depth, ReconcileState, Verdict
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.engines.reconciling import BEHIND, ReconcilingEngine, reconciling_engine
from tests.support.engines.replaying import Replays
from transforms.ingest import decode_events
from transforms.ingest.decode_events import AHEAD_OF_CLOCK
from transforms.reconcile.changes_ahead import NO_PLACE

pytestmark = pytest.mark.service

FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
NAMES = {"Account": "Name", "Case": "Subject"}
"""Of an object with history and of one without: a field to change."""
TABLES = {"Account": "account", "Case": "case"}
NOBODY = "001Tg0000099999AAA"


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[ReconcilingEngine]:
    async with reconciling_engine(client, store, warehouse, database, tmp_path) as made:
        yield made


async def plant(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
    *events: dict[str, Any],
    at: datetime = FUTURE,
) -> str:
    """Apply events as a release did that did not look at the clock; returns the batch."""
    for data in events:
        data["payload"]["ChangeEventHeader"]["commitTimestamp"] = round(at.timestamp() * 1_000)
    road = Road(engine.store, engine.warehouse, engine.catalogue)
    with monkeypatch.context() as older:
        older.setattr(decode_events, "_AHEAD_MS", 10**15)
        results = await road.send(list(events))
    assert [result.quarantined for result in results.values()] == [0]
    [(batch,)] = engine.rows(f"SELECT batch FROM ops.ledger WHERE lane = '{road.lane}'")
    return str(batch)


def update(name: str, record_id: str, **fields: Any) -> dict[str, Any]:
    return event(7, fields, object_name=name, change_type="UPDATE", record_ids=[record_id])


async def fill(engine: ReconcilingEngine, name: str, count: int = 5) -> list[str]:
    with engine.served.org.transaction() as tx:
        given = {"Status": "New", "Origin": "Web"} if name == "Case" else {}
        ids = [tx.create(name, {NAMES[name]: f"record {number}", **given}) for number in range(count)]
    engine.served.org.advance_clock(60)
    await engine.backfill(name)
    return ids


def current(engine: ReconcilingEngine, name: str, record_id: str) -> tuple[Any, ...]:
    column = engine.catalogue.object(name).columns[NAMES[name]]
    [(value, *state)] = engine.rows(
        f"SELECT {column}, is_deleted, changed_at FROM curated.{TABLES[name]}_current WHERE record_id = '{record_id}'"
    )
    return engine.in_plaintext(name, NAMES[name], value), *state


def differences(engine: ReconcilingEngine, state: ReconcileState) -> dict[str, str]:
    report = orjson.loads(engine.store.get(str(state.report_key)))
    return {each["record_id"]: each["kind"] for each in report["differences"]}


async def is_equal(engine: ReconcilingEngine, name: str, window: str) -> None:
    for depth in Depth:
        state = await engine.reconcile(name, f"{window}-{depth}", depth=depth)
        assert (state.verdict, state.found) == (Verdict.EQUAL, 0), depth
        assert state.log is not None
        assert state.log.altered == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("depth", [Depth.BUCKETS, Depth.FIELDS])
async def test_a_change_of_the_year_2100_is_named_repaired_and_freezes_nothing_any_more(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    depth: Depth,
) -> None:
    org, field = engine.served.org, NAMES[name]
    ids = await fill(engine, name)
    batch = await plant(engine, monkeypatch, update(name, ids[1], **{field: "from the future"}))
    with org.transaction() as tx:
        tx.update(name, ids[1], {field: "real"})
    org.advance_clock(60)
    await engine.backfill(name, "real")
    assert current(engine, name, ids[1])[0] == "from the future", "the real change stands below it"
    state = await engine.reconcile(name, "first", depth=depth, by="ada")
    assert (state.verdict, state.found, state.left) == (Verdict.REPAIRED, 1, 0)
    assert differences(engine, state) == {ids[1]: "ahead"}
    assert current(engine, name, ids[1])[0] == "real"
    [counts] = engine.rows(
        f"SELECT landed, applied, duplicate, quarantined FROM ops.ledger WHERE batch = '{batch}'"
    )
    assert counts == (1, 0, 0, 1)
    assert engine.rows(f"SELECT record_id, reason FROM ops.quarantine WHERE batch = '{batch}'") == [
        (ids[1], AHEAD_OF_CLOCK)
    ]
    assert "reconcile.set_aside" in [act.act for _, act in engine.audit.rows()]
    await is_equal(engine, name, "second")
    with org.transaction() as tx:
        tx.update(name, ids[1], {field: "later"})
    org.advance_clock(60)
    await engine.backfill(name, "later")
    assert current(engine, name, ids[1])[0] == "later"
    await is_equal(engine, name, "third")


async def test_a_change_ahead_of_the_clock_that_looks_equal_is_found_too(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The values are the org's own: only the place in the order is wrong, and it would hide every
    later change.
    """
    ids = await fill(engine, "Account")
    await plant(engine, monkeypatch, update("Account", ids[0], Name="record 0"))
    state = await engine.reconcile("Account", "first")
    assert (state.verdict, differences(engine, state)) == (Verdict.REPAIRED, {ids[0]: "ahead"})
    await is_equal(engine, "Account", "second")


async def test_deletions_and_strangers_of_the_future_are_taken_out_of_force(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = await fill(engine, "Account")
    delete = event(8, {}, object_name="Account", change_type="DELETE", record_ids=[ids[2]])
    stranger = event(9, {"Name": "nobody", **stamps()}, object_name="Account", record_ids=[NOBODY])
    batch = await plant(engine, monkeypatch, delete, stranger, update("Account", ids[3], Name="future"))
    assert current(engine, "Account", ids[2])[1]
    state = await engine.reconcile("Account", "first", depth=Depth.IDS)
    assert (state.verdict, state.found, state.left) == (Verdict.REPAIRED, 3, 0)
    assert set(differences(engine, state)) == {ids[2], ids[3], NOBODY}
    assert not current(engine, "Account", ids[2])[1]
    assert engine.rows(f"SELECT ordinal FROM ops.quarantine WHERE batch = '{batch}' ORDER BY ordinal") == [
        (NO_PLACE,),
        (NO_PLACE + 1,),
        (NO_PLACE + 2,),
    ]
    await is_equal(engine, "Account", "second")


async def test_without_repair_a_change_ahead_of_the_clock_is_named_and_stays(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = await fill(engine, "Account")
    await plant(engine, monkeypatch, update("Account", ids[1], Name="future"))
    state = await engine.reconcile("Account", "look", repairs=False)
    assert (state.verdict, differences(engine, state)) == (Verdict.DIFFERS, {ids[1]: "ahead"})
    assert current(engine, "Account", ids[1])[0] == "future"


async def test_more_changes_ahead_of_the_clock_than_are_named_are_repaired_all_the_same(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = await fill(engine, "Account", 12)
    await plant(engine, monkeypatch, *(update("Account", each, Name="future") for each in ids))
    state = await engine.reconcile("Account", "first", most_named=3)
    assert (state.verdict, state.found, state.kinds, state.left) == (Verdict.REPAIRED, 12, {"ahead": 12}, 0)
    await is_equal(engine, "Account", "second")


async def test_a_redrive_of_its_batch_brings_the_message_in_the_rows_place(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log holds no message: until a re-drive the row shows what the log held, under a place
    that no message has.
    """
    ids = await fill(engine, "Account")
    batch = await plant(engine, monkeypatch, *(update("Account", each, Name="future") for each in ids[:2]))
    await engine.reconcile("Account", "first")
    rows = f"SELECT ordinal, reason, event FROM ops.quarantine WHERE batch = '{batch}' ORDER BY ordinal"
    kept = engine.rows(rows)
    assert [row[:2] for row in kept] == [(NO_PLACE, AHEAD_OF_CLOCK), (NO_PLACE + 1, AHEAD_OF_CLOCK)]
    name = orjson.loads(kept[0][2])["payload"]["Name"]
    assert engine.in_plaintext("Account", "Name", name) == "future"
    [(lane,)] = engine.rows(f"SELECT lane FROM ops.ledger WHERE batch = '{batch}'")
    road = Road(engine.store, engine.warehouse, engine.catalogue, lane=lane)
    await Replays(road, engine.database, engine.catalogue).run()
    assert [row[:2] for row in engine.rows(rows)] == [(0, AHEAD_OF_CLOCK), (1, AHEAD_OF_CLOCK)]
    counts = "SELECT landed, applied, duplicate, quarantined FROM ops.ledger"
    assert engine.rows(f"{counts} WHERE batch = '{batch}'") == [(2, 0, 0, 2)]
    assert current(engine, "Account", ids[0])[0] == "record 0"
    await is_equal(engine, "Account", "second")


@pytest.mark.parametrize("has_later_stamp", [True, False])
async def test_a_repair_stands_above_a_past_change_that_the_org_never_had(
    engine: ReconcilingEngine,
    monkeypatch: pytest.MonkeyPatch,
    has_later_stamp: bool,
) -> None:
    """A snapshot in its own place would stand below the false change, and be read again and
    again.
    """
    org = engine.served.org
    ids = await fill(engine, "Account")
    org.advance_clock(3_600)
    false = datetime.now(UTC) - BEHIND + timedelta(seconds=600)
    stamp = {"LastModifiedDate": f"{false:%Y-%m-%dT%H:%M:%SZ}"} if has_later_stamp else {}
    await plant(engine, monkeypatch, update("Account", ids[1], Name="never", **stamp), at=false)
    state = await engine.reconcile("Account", "first", depth=Depth.FIELDS)
    assert (state.verdict, state.found, state.left) == (Verdict.REPAIRED, 1, 0)
    assert differences(engine, state) == {ids[1]: "ahead" if has_later_stamp else "fields"}
    assert current(engine, "Account", ids[1])[0] == "record 1"
    await is_equal(engine, "Account", "second")
    with org.transaction() as tx:
        tx.update("Account", ids[1], {"Name": "later"})
    org.advance_clock(60)
    await engine.backfill("Account", "later")
    assert current(engine, "Account", ids[1])[0] == "later"
