"""Field-level security takes a field away from the integration user while traffic runs, and gives
it back (Salesforce Help, "Field-Level Security"; Change Data Capture Developer Guide,
"Field-Level Security").
"""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import status as status_sql
from sandbox.org.permissions.rights import Rights
from schemas.reconcile import Depth
from tests.service.drift.test_drift import DriftEngine, catalogue, differences, eventually
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import serving_engine

pytestmark = pytest.mark.service
HIDDEN = Rights(hidden_fields=("Account.AccountSource",))


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[DriftEngine]:
    async with served_org(tmp_path) as served:
        name = f"h{uuid.uuid4().hex[:10]}"
        made = DriftEngine(client, served, store, warehouse, database, org=name, catalogue=catalogue())
        async with serving_engine(made):
            yield made


def sources(engine: DriftEngine) -> dict[str, str | None]:
    return {record_id: row[0] for record_id, row in engine.accounts("account_source").items()}


def needs_somebody(engine: DriftEngine) -> int:
    """Facts of the status: fields that somebody must decide about."""
    ((count,),) = engine.rows(status_sql.count_advised())
    return int(count)


async def test_a_field_that_is_hidden_mid_stream_is_held_and_read_again_when_it_is_back(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    ids = [org.create("Account", {"Name": f"Account {n}", "AccountSource": "Web"}) for n in range(6)]
    await engine.follow()
    await eventually(lambda: len(sources(engine)) == len(ids))
    assert differences(await engine.drift()) == []
    before = needs_somebody(engine)

    org.give_rights(HIDDEN)
    org.update("Account", ids[0], {"AccountSource": "Other", "Phone": "1"})
    early = org.create("Account", {"Name": "Born before anybody looked", "AccountSource": "Other"})
    await eventually(lambda: early in sources(engine))
    [gone] = differences(await engine.drift())
    assert (gone.field, gone.kind, gone.effect) == ("AccountSource", "removed", "held")
    assert "field-level security" in gone.advice
    assert needs_somebody(engine) == before + 1

    org.update("Account", ids[1], {"AccountSource": None, "Phone": "2"})
    org.delete("Account", ids[2])
    org.undelete("Account", ids[2])
    late = org.create("Account", {"Name": "Born while it was hidden", "AccountSource": "Partner Referral"})
    state = await engine.backfill("Account", "hidden", is_repair=True)
    assert state.stage == "done"
    await eventually(lambda: late in sources(engine))
    held = dict.fromkeys(ids, "Web") | {early: None, late: None}
    assert sources(engine) == held, "what it holds stays, and nothing is taken for an emptied field"
    equal = await engine.reconcile("Account", depth=Depth.FIELDS)
    assert (equal.verdict, equal.found) == ("equal", 0)

    org.give_rights(Rights())
    result = await engine.drift()
    assert [(each.field, each.kind, each.effect) for each in differences(result)] == [
        ("AccountSource", "restored", "released")
    ]
    await engine.filled(result)
    now = dict.fromkeys(ids, "Web") | {
        ids[0]: "Other",
        ids[1]: None,
        early: "Other",
        late: "Partner Referral",
    }
    await eventually(lambda: sources(engine) == now)
    assert needs_somebody(engine) == before
    equal = await engine.reconcile("Account", depth=Depth.FIELDS)
    assert (equal.verdict, equal.found) == ("equal", 0)
