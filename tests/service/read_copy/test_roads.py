"""Replays and released holds reach the copy, too; and the findings of the look of every minute."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from activities.read_copy.check import check_copy
from activities.read_copy.fill import CopyFiller
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.read_copy.standing import standings
from schemas.catalogue import default_catalogue
from schemas.errors import ObjectHeldError
from tests.service.quality.test_quality import BY, catalogue
from tests.service.read_copy.test_apply import CASE, OTHER, case, count
from tests.support.engines.copied import CopiedRoad
from tests.support.engines.replaying import Replays
from workers.quality import QualityActs

pytestmark = pytest.mark.service


@pytest.fixture
def road(warehouse: CopiedWarehouse, store: ObjectStore) -> CopiedRoad:
    """Half of a batch's cases may have a wrong origin."""
    made = CopiedRoad(store, warehouse, catalogue())
    warehouse.ensure_tables(made.catalogue)
    return made


@pytest.fixture
def audit(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        yield log


async def test_a_held_batch_is_in_neither_and_a_released_one_in_both(
    road: CopiedRoad, warehouse: CopiedWarehouse, audit: AuditLog
) -> None:
    events = [case(2, "CREATE", Origin="Fax"), case(3, "CREATE", OTHER, Origin="Fax")]
    (item,) = (await road.stage(road.land(events))).values()
    for _ in range(2):
        with pytest.raises(ObjectHeldError):
            await road.apply(item)
    of_copy, own = warehouse.with_copy()
    assert [count(each, "ops.ledger") for each in (of_copy, own)] == [0, 0]
    # The copy has none of its own: it asks the warehouse.
    assert [count(each, "ops.hold") for each in (of_copy, own)] == [1, 1]
    # Nothing overtakes it.
    with pytest.raises(ObjectHeldError):
        await road.send([case(5, "CREATE")])
    assert QualityActs(warehouse, audit).release("Case", **BY) == 1
    assert (await road.apply(item)).quarantined == 2
    assert [count(each, "ops.ledger") for each in (of_copy, own)] == [1, 1]


async def test_a_replay_reaches_both(road: CopiedRoad, warehouse: CopiedWarehouse, database: str) -> None:
    await road.send([case(2, "CREATE"), case(3, Status="Open"), case(4, "CREATE", OTHER, Origin="Fax")])
    of_copy, own = warehouse.with_copy()
    assert [count(each, "audit.case_change") for each in (of_copy, own)] == [2, 2]
    # The rule is gone, so the refused change is none any more.
    await Replays(road, database, default_catalogue()).run()
    assert [count(each, "audit.case_change") for each in (of_copy, own)] == [3, 3]
    ours, theirs = await road.both()
    assert ours == theirs


async def test_a_replay_before_a_fill_is_no_imbalance(
    road: CopiedRoad, warehouse: CopiedWarehouse, database: str
) -> None:
    alone = CopiedRoad(road.store, warehouse.with_copy()[-1], road.catalogue, lane=road.lane)
    await alone.send([case(2, "CREATE"), case(3)])
    filler = CopyFiller(warehouse, road.catalogue, road.protector(), pause=0)
    filler._begin(road.catalogue.object("Case"), afresh=False)
    await Replays(road, database, road.catalogue).run()
    assert filler.fill("Case").differs is None
    ours, theirs = await road.both()
    assert ours["curated.case_current"] == theirs["curated.case_current"]


async def test_a_worker_without_the_setting_is_found_by_the_next_look(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    await road.send([case(2, "CREATE")])
    for _ in road.catalogue.objects:
        check_copy(warehouse, road.catalogue, pause=0)
    assert refusals(warehouse) == dict.fromkeys(road.catalogue.objects)
    alone = CopiedRoad(
        road.store, warehouse.with_copy()[-1], road.catalogue, lane=road.lane, position=road.position
    )
    await alone.send([case(4)])
    check_copy(warehouse, road.catalogue, pause=0)
    found = refusals(warehouse)
    assert "1 batches" in (found.pop("Case") or "")
    assert set(found.values()) == {None}
    with warehouse.copy.reading() as reading:
        assert reading.fetch("SELECT record_id FROM curated.case_current") == [(CASE,)]


def refusals(warehouse: CopiedWarehouse) -> dict[str, str | None]:
    with warehouse.copy.reading() as reading:
        return {name: row.refusal for name, row in standings(reading).items()}
