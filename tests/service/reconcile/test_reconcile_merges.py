"""A merge moves children silently: a reconciliation finds them, and the records that lost
(Apex Developer Guide, "Triggers and Merge Statements": reparented children fire nothing).
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.state.merges import Merge, Merger
from schemas.reconcile import Depth, Verdict
from tests.support.engines.reconciling import ReconcilingEngine, reconciling_engine

pytestmark = pytest.mark.service


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[ReconcilingEngine]:
    async with reconciling_engine(client, store, warehouse, database, tmp_path) as made:
        yield made


async def test_children_that_moved_silently_are_found_and_repaired(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    org.dials.events.reparented_children = False
    winner, loser = (org.create("Account", {"Name": name}) for name in "AB")
    moved = [org.create("Contact", {"LastName": f"C{n}", "AccountId": loser}) for n in range(3)]
    kept = org.create("Contact", {"LastName": "D", "AccountId": winner})
    await engine.backfill("Account")
    await engine.backfill("Contact")
    org.advance_clock(120)
    with org.transaction() as tx:
        Merger(org, tx).merge(Merge("Account", winner, [loser]))
    org.advance_clock(120)
    for name, count in (("Account", 2), ("Contact", len(moved))):
        state = await engine.reconcile(name, depth=Depth.FIELDS)
        assert (state.verdict, state.found, state.left) == (Verdict.REPAIRED, count, 0)
    rows = engine.rows("SELECT record_id, account_id FROM curated.contact_current")
    assert dict(rows) == dict.fromkeys([*moved, kept], winner)
    deleted = engine.rows("SELECT record_id FROM curated.account_current WHERE is_deleted")
    assert deleted == [(loser,)]
