"""Backfills on real parts: an org, S3, PostgreSQL, Temporal."""

import uuid

import orjson
import pytest

from sandbox.org.traffic.fill import FillPlan, fill
from schemas.ids import ids_key
from tests.support.engines.small_engine import SmallEngine, curated

pytestmark = pytest.mark.service


async def test_a_whole_object_comes_page_by_page_into_the_warehouse(engine: SmallEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=5_000))
    org.dials.bulk.page_rows = 700
    with org.transaction() as tx:
        binned = tx.create("Account", {"Name": "in the bin"})
    with org.transaction() as tx:
        tx.delete("Account", binned)
    state = await engine.backfill("Account")
    assert state.stage == "done"
    assert (state.counts.rows, state.counts.applied) == (5_001, 5_002)
    assert state.counts.batches == 8
    found = curated(engine, "account")
    assert len(found) == 5_001
    assert found[binned] == (True, True, "in the bin")
    assert sum(row[0] for row in found.values()) == 1


async def test_records_read_by_id_are_repaired_and_those_that_are_gone_are_deleted(
    engine: SmallEngine,
) -> None:
    org = engine.served.org
    with org.transaction() as tx:
        ids = [tx.create("Account", {"Name": f"Account {n}"}) for n in range(5)]
    await engine.backfill("Account")
    with org.transaction() as tx:
        tx.delete("Account", ids[1])
    by_hand = f"SET name = 'by hand' WHERE record_id = '{ids[2]}'"
    engine.rows(f"UPDATE curated.account_current {by_hand} RETURNING 1")
    gone = "001Tg0000000ZZZIAA"
    body = orjson.dumps([*ids, gone])
    key = ids_key(engine.org, uuid.uuid4().hex)
    engine.store.put(key, body)
    state = await engine.backfill("Account", "repair-1", ids_key=key, is_repair=True)
    assert (state.stage, state.counts.rows) == ("done", 6)
    found = curated(engine, "account")
    assert found[ids[2]] == (False, True, "Account 2")
    assert found[ids[1]][0] is True
    assert found[gone][0] is True
