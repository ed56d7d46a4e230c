"""The benchmark's way to raw alone is the engine's own reading, and starts nothing."""

from typing import cast

import pytest
from temporalio.client import Client

from benchmarks.peers.to_raw import RawLandings, read_parts
from clients.storage.chain import Chain
from schemas.backfill import BackfillInput
from schemas.ids import part_lane
from tests.support.engines.small_engine import SmallEngine

pytestmark = pytest.mark.service


async def test_every_row_is_landed_and_counted_without_a_workflow(engine: SmallEngine) -> None:
    for number in range(30):
        engine.served.org.create("Account", {"Name": f"Account {number}"})
    landings = RawLandings(cast(Client, None), engine.store, engine.protector, slice_rows=7)
    request = BackfillInput(org=engine.org, object="Account", window="raw")
    counts, parts = await read_parts(engine.served.http, landings, engine.catalogue, request)
    table = engine.catalogue.object("Account").table
    chain = Chain(engine.store, org=engine.org, lane=part_lane(table, "raw", 0, 0))
    assert (counts.rows, counts.batches, parts) == (30, 5, 1)
    assert sum(each.events for each in chain.walk()) == 30
