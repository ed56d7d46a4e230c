"""A parent that never came is asked for through the engine's own repairs: the org has it, or the
child is an orphan by name.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio.client import Client

from activities.quality.references import LookPace
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from tests.support.builders.waiting import until
from tests.support.engines.following import groups_settle_at_once  # noqa: F401
from tests.support.engines.reconciling import ReconcilingEngine
from tests.support.engines.repairing import follow, repairing_engine
from tests.support.engines.small_engine import SmallEngine

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]

NOWHERE = "001Tg00000NOWHEREA"


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[ReconcilingEngine]:
    async with repairing_engine(client, store, warehouse, database, tmp_path) as made:
        made.rereads.grace = timedelta(0)
        made.rereads.pace = LookPace(delay=timedelta(0), every=timedelta(0))
        yield made


def notes(engine: SmallEngine) -> list[tuple[Any, ...]]:
    return engine.rows(
        "SELECT record_id, target, state FROM ops.quality WHERE rule = 'parent' AND resolved_at IS NULL ORDER BY record_id"
    )


def point_nowhere(engine: SmallEngine, record_ids: list[str]) -> None:
    """An event that says so; the org itself never has such a reference."""
    header = {
        "entityName": "Account",
        "recordIds": record_ids,
        "changeType": "UPDATE",
        "changeOrigin": "",
        "transactionKey": "k",
        "sequenceNumber": 1,
        "commitTimestamp": engine.served.org.clock.now().epoch_ms,
        "commitNumber": 10**12,
        "commitUser": "005Tg0000000001AAA",
    }
    payload = {"ChangeEventHeader": header, "ParentId": NOWHERE}
    data = orjson.dumps({"schema": "s", "event": {"replayId": "$REPLAY_ID"}, "payload": payload})
    engine.served.org.publish_raw("Account", data.replace(b'"$REPLAY_ID"', b"$REPLAY_ID"))


async def test_parents_that_no_event_tells_are_read_and_those_that_the_org_lacks_leave_orphans(
    engine: SmallEngine,
) -> None:
    org = engine.served.org
    with org.transaction() as tx:
        parents = [tx.create("Account", {"Name": f"Parent {n}"}) for n in range(3)]
    org.bus.forget_all()
    await follow(engine)
    with org.transaction() as tx:
        children = [
            tx.create("Account", {"Name": f"Child {n}", "ParentId": parents[n % 3]}) for n in range(9)
        ]
        loose = [tx.create("Account", {"Name": f"Loose {n}"}) for n in range(2)]

    async def are_there() -> bool:
        rows = engine.rows("SELECT record_id FROM curated.account_current WHERE NOT is_deleted")
        return {row[0] for row in rows} == {*parents, *children, *loose}

    await until(are_there, seconds=40)
    point_nowhere(engine, loose)

    async def are_orphans() -> bool:
        return notes(engine) == [(each, NOWHERE, "orphan") for each in sorted(loose)]

    await until(are_orphans, seconds=40)
    causes = engine.rows("SELECT DISTINCT cause FROM ops.reread WHERE outcome = 'read'")
    assert ("parent",) in causes
