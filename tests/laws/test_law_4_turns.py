"""Law 4 of a turn: the effects and the ledger rows of all its objects are committed together, and
an object that cannot be applied keeps none of the others back.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from activities.apply.steps import GroupFailedError
from activities.apply.turn_commit import TurnCommit
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.redshift import RedshiftWarehouse
from schemas.errors import ObjectMissingError, StatementError, UnavailableError
from schemas.ingest.messages import ApplyInput, ApplyResult
from tests.laws.test_law_4_applied_whole import (
    FailingWarehouse,
    PowerCut,
    as_warehouse,
    cut_power,
    kill_session,
)
from tests.support.builders.batches import Road, contents
from tests.support.builders.bus import event, stamps

pytestmark = pytest.mark.service

CASE, CONTACT = "500000000000001AAA", "003000000000001AAA"


@pytest.fixture
def warehouse(any_warehouse: Warehouse) -> Warehouse:
    return any_warehouse


@pytest.fixture
def road(warehouse: Warehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse)
    warehouse.ensure_tables(opened.catalogue)
    return opened


def case(replay_id: int, change_type: str = "CREATE") -> dict[str, Any]:
    fields = {"Subject": f"subject {replay_id}", "Status": "New", **stamps()}
    return event(replay_id, fields, object_name="Case", change_type=change_type, record_ids=[CASE])


def contact(replay_id: int, change_type: str = "CREATE") -> dict[str, Any]:
    fields = {"Name": {"LastName": "Lund"}, "Title": f"title {replay_id}", **stamps()}
    return event(replay_id, fields, object_name="Contact", change_type=change_type, record_ids=[CONTACT])


async def two_objects(road: Road, first: int = 2) -> list[list[ApplyInput]]:
    """A batch with a record of two objects, as the groups of a turn."""
    items = await road.stage(road.land([case(first), contact(first + 1)]))
    return [[items["Case"]], [items["Contact"]]]


@pytest.mark.parametrize(
    ("how", "error", "stride"),
    [
        pytest.param(cut_power, PowerCut, 1, id="raise"),
        pytest.param(kill_session, UnavailableError, 5, id="kill"),
    ],
)
async def test_a_failure_at_any_step_leaves_nothing_of_any_object(
    road: Road,
    warehouse: Warehouse,
    how: Callable[[Transaction], None],
    error: type[Exception],
    stride: int,
) -> None:
    if how is kill_session and isinstance(warehouse, RedshiftWarehouse):
        pytest.skip("nothing stands in for the end of a Redshift session by its own hand")
    groups, steps = await two_objects(road), 0
    places: set[tuple[int, type[Exception]]] = set()
    results: list[list[ApplyResult]] = []
    while not results:
        failing = FailingWarehouse(warehouse, steps + 1, how)
        try:
            results = road.applier(as_warehouse(failing)).apply_turn(groups)
        except GroupFailedError as failed:
            places.add((failed.place, type(failed.cause)))
        except UnavailableError:
            # the session ended at the last step: no group is at fault, and the turn is repeated
            pass
        steps += stride
        assert bool(results) == (contents(warehouse, road.catalogue) != {}), f"left something at step {steps}"
    assert places == {(0, error), (1, error)}
    now = contents(warehouse, road.catalogue)
    assert {len(now[name]) for name in ("curated.case_current", "curated.contact_current")} == {1}
    assert len(now["ops.ledger"]) == 2
    assert [[each.applied for each in group] for group in results] == [[1], [1]]


async def test_a_turn_gives_the_rows_of_its_groups_one_by_one(road: Road, warehouse: Warehouse) -> None:
    first, second = await two_objects(road), await two_objects(road, 10)
    together = [[*first[0], *second[0]], [*first[1], *second[1]]]
    road.applier(warehouse).apply_turn(together)
    found = contents(warehouse, road.catalogue, clock=False)
    empty(road)
    for group in together:
        road.applier(warehouse).apply(group)
    assert contents(warehouse, road.catalogue, clock=False) == found


async def test_an_object_that_fails_keeps_no_other_back(road: Road, warehouse: Warehouse) -> None:
    (good,), (bad,) = await two_objects(road)
    staged = bad.staged.model_copy(update={"staged_key": "staged/lost"})
    lost = bad.model_copy(update={"staged": staged})
    commit = TurnCommit(road.applier(warehouse).apply_turn, 0.1)
    assert (await commit.submit(good)).applied == 1
    with pytest.raises(ObjectMissingError):
        await commit.submit(lost)
    assert (await commit.submit(bad)).applied == 1


async def test_an_object_whose_loads_fail_keeps_no_other_back(road: Road, warehouse: Warehouse) -> None:
    (good,), (bad,) = await two_objects(road)
    with warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE curated.contact_current DROP COLUMN title")
    commit = TurnCommit(road.applier(warehouse).apply_turn, 0.1)
    applied, refused = await asyncio.gather(commit.submit(good), commit.submit(bad), return_exceptions=True)
    assert isinstance(applied, ApplyResult)
    # PostgreSQL's driver does not say that it will not pass.
    assert isinstance(refused, StatementError | UnavailableError)
    with warehouse.transaction() as transaction:
        assert transaction.fetch("SELECT object FROM ops.ledger") == [("Case",)]
        assert transaction.fetch("SELECT COUNT(*) FROM audit.contact_change") == [(0,)]


async def test_turns_of_two_processes_do_not_wait_for_each_other(road: Road, warehouse: Warehouse) -> None:
    turns = [await two_objects(road, first) for first in range(2, 42, 4)]
    done: list[int] = []

    def take(some: list[list[list[ApplyInput]]], *, is_reversed: bool) -> None:
        applier = road.applier(warehouse)
        for groups in some:
            done.append(len(applier.apply_turn(groups[::-1] if is_reversed else groups)))

    threads = [
        threading.Thread(target=take, args=(turns[half::2],), kwargs={"is_reversed": bool(half)})
        for half in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == [2] * len(turns)
    assert len(contents(warehouse, road.catalogue)["ops.ledger"]) == 2 * len(turns)


def empty(road: Road) -> None:
    with road.warehouse.transaction() as transaction:
        for table in contents_of(road):
            transaction.execute(f"DELETE FROM {table}")


def contents_of(road: Road) -> list[str]:
    return [*contents(road.warehouse, road.catalogue), "ops.quality_day"]
