"""A turn brings every object that has something, and an object that fails holds no other up."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from activities.apply import activities
from activities.apply.group_commit import GroupCommit
from activities.apply.steps import GroupFailedError
from activities.apply.turn_commit import TurnCommit
from clients.warehouse.postgres import PostgresWarehouse
from schemas.errors import StatementError, UnavailableError
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.settings.services import USUAL_TURN_SECONDS, WarehouseSettings
from tests.support.builders.waiting import SLOWNESS
from tests.unit.apply.test_group_commit import batch, outcomes

AGAIN = 0.05
"""Seconds of turns that need not be waited for."""
Groups = list[list[str]]


def shown(groups: Sequence[Sequence[ApplyInput]]) -> Groups:
    return [[f"{item.staged.object} {item.manifest.start}" for item in group] for group in groups]


@dataclass
class Warehouse:
    """The scripted end of a turn: waits at the gate, then fails or answers."""

    wrong: Callable[[Groups], Exception | None] = lambda groups: None
    turns: list[Groups] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self, groups: Sequence[Sequence[ApplyInput]]) -> list[list[ApplyResult]]:
        self.turns.append(shown(groups))
        self.entered.release()
        assert self.gate.wait(10 * SLOWNESS)
        if error := self.wrong(shown(groups)):
            raise error
        return [[_result(item) for item in group] for group in groups]


def _result(item: ApplyInput) -> ApplyResult:
    return ApplyResult(
        object=item.staged.object,
        landed=1,
        applied=int(item.manifest.start),
        duplicate=0,
        quarantined=0,
        rebuilt=0,
        last_changed_at=None,
    )


def failing(name: str, cause: Exception) -> Callable[[Groups], Exception | None]:
    """The first group with a batch called so fails."""

    def wrong(groups: Groups) -> Exception | None:
        places = [place for place, group in enumerate(groups) if name in group]
        return GroupFailedError(places[0], cause) if places else None

    return wrong


async def in_one_turn(warehouse: Warehouse, commit: TurnCommit, *items: ApplyInput) -> list[int | str]:
    """The outcomes of batches that wait together: one more was before them, and is let go first."""
    first = asyncio.create_task(commit.submit(batch(99, name="First")))
    await asyncio.to_thread(warehouse.entered.acquire)
    tasks = [asyncio.create_task(commit.submit(item)) for item in items]
    await asyncio.sleep(0)
    warehouse.gate.set()
    await first
    warehouse.turns.clear()
    return await outcomes(tasks)


async def test_all_objects_share_one_turn() -> None:
    warehouse = Warehouse()
    items = [batch(1, name="Case"), batch(2, name="Account"), batch(3, name="Case")]
    assert await in_one_turn(warehouse, TurnCommit(warehouse, AGAIN), *items) == [1, 2, 3]
    assert warehouse.turns == [[["Case 1", "Case 3"], ["Account 2"]]]


async def test_the_first_batch_after_a_pause_waits_for_nothing() -> None:
    warehouse = Warehouse()
    warehouse.gate.set()
    commit = TurnCommit(warehouse, 3_600)
    assert (await asyncio.wait_for(commit.submit(batch(1)), 10 * SLOWNESS)).applied == 1


async def test_a_turn_begins_so_long_after_the_one_before() -> None:
    warehouse = Warehouse()
    warehouse.gate.set()
    commit, loop = TurnCommit(warehouse, 0.5), asyncio.get_running_loop()
    await commit.submit(batch(1))
    began = loop.time()
    await commit.submit(batch(2))
    assert loop.time() - began > 0.4


async def test_an_object_that_fails_is_taken_out_and_the_turn_repeated() -> None:
    warehouse = Warehouse(failing("Case 1", UnavailableError(system="w", detail="no")))
    items = [batch(1, name="Case"), batch(2, name="Account")]
    assert await in_one_turn(warehouse, TurnCommit(warehouse, AGAIN), *items) == ["UnavailableError", 2]
    assert warehouse.turns == [[["Case 1"], ["Account 2"]], [["Account 2"]]]


async def test_of_batches_that_cannot_be_applied_together_the_good_ones_stay() -> None:
    warehouse = Warehouse(failing("Case 2", StatementError(statement="s", detail="no")))
    items = [batch(1, name="Case"), batch(2, name="Case"), batch(3, name="Case"), batch(4, name="Account")]
    found = await in_one_turn(warehouse, TurnCommit(warehouse, AGAIN), *items)
    assert found == [1, "StatementError", 3, 4]
    assert warehouse.turns[-1] == [["Account 4"], ["Case 1"], ["Case 3"]]


async def test_a_lost_warehouse_fails_the_whole_turn_at_once() -> None:
    warehouse = Warehouse()
    commit = TurnCommit(warehouse, AGAIN)
    warehouse.wrong = lambda groups: (
        None if groups == [["First 99"]] else UnavailableError(system="w", detail="gone")
    )
    items = [batch(1, name="Case"), batch(2, name="Account")]
    assert await in_one_turn(warehouse, commit, *items) == ["UnavailableError"] * 2
    assert len(warehouse.turns) == 1


async def test_an_object_that_failed_comes_alone_until_it_succeeds() -> None:
    cause = UnavailableError(system="w", detail="no")
    warehouse = Warehouse(failing("Case 1", cause))
    commit = TurnCommit(warehouse, AGAIN)
    await in_one_turn(warehouse, commit, batch(1, name="Case"), batch(2, name="Account"))
    warehouse.turns.clear()
    both = [commit.submit(batch(3, name="Case")), commit.submit(batch(4, name="Account"))]
    assert await outcomes([asyncio.ensure_future(each) for each in both]) == [3, 4]
    assert Counter(map(str, warehouse.turns)) == Counter([str([["Case 3"]]), str([["Account 4"]])])
    warehouse.turns.clear()
    both = [commit.submit(batch(5, name="Case")), commit.submit(batch(6, name="Account"))]
    assert await outcomes([asyncio.ensure_future(each) for each in both]) == [5, 6]
    assert warehouse.turns == [[["Account 6"], ["Case 5"]]] or warehouse.turns == [
        [["Case 5"], ["Account 6"]]
    ]


async def test_an_object_that_hangs_alone_holds_no_turn_up() -> None:
    warehouse = Warehouse(failing("Case 1", UnavailableError(system="w", detail="no")))
    commit = TurnCommit(warehouse, AGAIN)
    await in_one_turn(warehouse, commit, batch(1, name="Case"))
    hang = threading.Event()

    def wrong(groups: Groups) -> Exception | None:
        if groups == [["Case 3"]]:
            assert hang.wait(10 * SLOWNESS)
        return None

    warehouse.wrong = wrong
    held = asyncio.create_task(commit.submit(batch(3, name="Case")))
    assert (await commit.submit(batch(4, name="Account"))).applied == 4
    assert not held.done()
    hang.set()
    assert (await held).applied == 3


async def test_a_batch_whose_waiter_has_gone_is_left_out() -> None:
    warehouse = Warehouse()
    commit = TurnCommit(warehouse, AGAIN)
    first = asyncio.create_task(commit.submit(batch(1)))
    await asyncio.to_thread(warehouse.entered.acquire)
    gone, stays = (asyncio.create_task(commit.submit(batch(n))) for n in (2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    warehouse.gate.set()
    assert await outcomes([first, stays]) == [1, 3]
    assert warehouse.turns == [[["Case 1"]], [["Case 3"]]]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"kind": "postgres"}, 0),
        ({"kind": "redshift"}, USUAL_TURN_SECONDS),
        ({"kind": "redshift", "turn_seconds": 0}, 0),
        ({"kind": "postgres", "turn_seconds": 5}, 5),
    ],
)
def test_redshift_takes_turns_unless_the_settings_say_otherwise(
    given: dict[str, Any], seconds: float
) -> None:
    settings = WarehouseSettings.model_validate({"dsn": "postgresql://nowhere", **given})
    assert settings.seconds_of_turns == seconds


@pytest.mark.parametrize(("seconds", "kind"), [(0, GroupCommit), (30, TurnCommit)])
def test_the_activities_commit_by_turns_where_there_are_some(seconds: float, kind: type) -> None:
    warehouse = PostgresWarehouse("postgresql://nowhere")
    nothing: Any = SimpleNamespace(warehouse=warehouse, store=None, catalogue=None, protector=None)
    *_, apply_batch = activities(nothing, turn_seconds=seconds)
    owner: Any = apply_batch
    assert type(owner.__self__.group_commit) is kind
