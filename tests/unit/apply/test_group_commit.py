"""The holder of an object's turn applies everything that waits for it, and no waiter's end is
another's.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from activities.apply.group_commit import GroupCommit
from activities.apply.waiting import MOST_BESIDE_LANES, MOST_CHANGES
from schemas.errors import StatementError, UnavailableError
from schemas.ingest.messages import ApplyInput, ApplyResult, StagedObject
from schemas.ingest.raw import Form, Manifest
from tests.support.builders.waiting import SLOWNESS

AT = datetime(2026, 9, 21, tzinfo=UTC)


def batch(start: int, *, name: str = "Case", landed: int = 1, form: Form = Form.EVENTS) -> ApplyInput:
    manifest = Manifest(
        org="o",
        lane="l",
        start=str(start),
        end=str(start + 1),
        raw_key="r",
        raw_sha256="",
        raw_bytes=0,
        events=landed,
        landed={name: landed},
        first_received_at=AT,
        last_received_at=AT,
        form=form,
    )
    share = StagedObject(
        object=name, staged_key=None, refused_key=None, landed=landed, staged=landed, refused=0
    )
    return ApplyInput(manifest=manifest, staged=share)


@dataclass
class Warehouse:
    """The scripted end of applying a group: waits at the gate, then fails or answers."""

    wrong: Callable[[list[str]], Exception | None] = lambda starts: None
    groups: list[list[str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self, items: Sequence[ApplyInput]) -> list[ApplyResult]:
        starts = [item.manifest.start for item in items]
        self.groups.append(starts)
        self.entered.release()
        assert self.gate.wait(10 * SLOWNESS)
        if error := self.wrong(starts):
            raise error
        return [
            ApplyResult(
                object=item.staged.object,
                landed=item.staged.landed,
                applied=int(item.manifest.start),
                duplicate=0,
                quarantined=0,
                rebuilt=0,
                last_changed_at=None,
            )
            for item in items
        ]

    async def has_begun(self) -> None:
        """Return when one more group is being applied."""
        await asyncio.to_thread(self.entered.acquire)


async def behind_a_gate(
    warehouse: Warehouse, commit: GroupCommit, *items: ApplyInput
) -> list[asyncio.Task[ApplyResult]]:
    """The first item is being applied, and the others wait for its end."""
    first = asyncio.create_task(commit.submit(items[0]))
    await warehouse.has_begun()
    others = [asyncio.create_task(commit.submit(item)) for item in items[1:]]
    await asyncio.sleep(0)  # each of them takes its place
    return [first, *others]


async def outcomes(tasks: Sequence[Awaitable[ApplyResult]]) -> list[int | str]:
    """Each waiter's result: the number of its own batch, or the name of the error."""
    found = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    return [each.applied if isinstance(each, ApplyResult) else type(each).__name__ for each in found]


async def test_those_who_wait_share_one_apply() -> None:
    warehouse = Warehouse()
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), *(batch(n) for n in range(1, 6)))
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, 2, 3, 4, 5]
    assert warehouse.groups == [["1"], ["2", "3", "4", "5"]]


async def test_a_batch_alone_is_applied_alone() -> None:
    warehouse = Warehouse()
    warehouse.gate.set()
    commit = GroupCommit(warehouse)
    assert (await commit.submit(batch(1))).applied == 1
    assert (await commit.submit(batch(2))).applied == 2
    assert warehouse.groups == [["1"], ["2"]]


async def test_objects_do_not_wait_for_each_other() -> None:
    warehouse = Warehouse()
    commit = GroupCommit(warehouse)
    tasks = [
        asyncio.create_task(commit.submit(batch(n, name=name)))
        for n, name in enumerate(["Case", "Account"], 1)
    ]
    await warehouse.has_begun()
    await warehouse.has_begun()
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, 2]


async def test_a_group_is_no_larger_than_one_transaction_should_be() -> None:
    warehouse = Warehouse()
    half = MOST_CHANGES // 2
    items = [batch(1), batch(2, landed=half), batch(3, landed=half), batch(4)]
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), *items)
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, 2, 3, 4]
    assert warehouse.groups == [["1"], ["2", "3"], ["4"]]


async def test_a_batch_beyond_the_largest_group_is_applied_by_itself() -> None:
    warehouse = Warehouse()
    items = [batch(1), batch(2, landed=2 * MOST_CHANGES), batch(3)]
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), *items)
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, 2, 3]
    assert warehouse.groups == [["1"], ["2"], ["3"]]


async def test_the_same_batch_is_never_twice_in_a_group() -> None:
    warehouse = Warehouse()
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), batch(1), batch(2), batch(3), batch(2))
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, 2, 3, 2]
    assert warehouse.groups == [["1"], ["2", "3"], ["2"]]


async def test_a_batch_that_cannot_be_applied_does_not_hold_up_the_others() -> None:
    refuses = StatementError(statement="COPY", detail="no")
    warehouse = Warehouse(wrong=lambda starts: refuses if "3" in starts else None)
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), *(batch(n) for n in range(1, 5)))
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, 2, "StatementError", 4]
    assert warehouse.groups == [["1"], ["2", "3", "4"], ["2"], ["3"], ["4"]]


async def test_what_may_pass_fails_for_the_whole_group_at_once() -> None:
    """Each is tried again by its own workflow; one by one they would only wait longer."""
    away = UnavailableError(system="PostgreSQL", detail="no answer")
    warehouse = Warehouse(wrong=lambda starts: away if len(starts) > 1 else None)
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), *(batch(n) for n in range(1, 4)))
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, "UnavailableError", "UnavailableError"]
    assert warehouse.groups == [["1"], ["2", "3"]]


async def test_a_fault_of_our_own_is_heard_by_every_waiter() -> None:
    warehouse = Warehouse(wrong=lambda starts: ZeroDivisionError() if len(starts) > 1 else None)
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), batch(1), batch(2), batch(3))
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, "ZeroDivisionError", "ZeroDivisionError"]


async def test_too_few_results_are_heard_as_a_fault_not_waited_for() -> None:
    commit = GroupCommit(lambda items: [])
    assert await outcomes([commit.submit(batch(1))]) == ["ValueError"]


async def test_an_object_goes_on_after_a_failure() -> None:
    failing = [UnavailableError(system="PostgreSQL", detail="no answer")]
    warehouse = Warehouse(wrong=lambda starts: failing.pop() if failing else None)
    warehouse.gate.set()
    commit = GroupCommit(warehouse)
    with pytest.raises(UnavailableError):
        await commit.submit(batch(1))
    assert (await commit.submit(batch(1))).applied == 1


async def test_a_waiter_that_is_cancelled_is_taken_out() -> None:
    warehouse = Warehouse()
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), batch(1), batch(2), batch(3))
    tasks[1].cancel()
    await asyncio.sleep(0)
    warehouse.gate.set()
    assert await outcomes(tasks) == [1, "CancelledError", 3]
    assert warehouse.groups == [["1"], ["3"]]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_the_group_goes_on_when_one_of_it_is_cancelled(place: int) -> None:
    warehouse = Warehouse()
    commit = GroupCommit(warehouse)
    # All three are in the first group, because they come before anything is applied.
    tasks = [asyncio.create_task(commit.submit(batch(n))) for n in (1, 2, 3)]
    await warehouse.has_begun()
    assert warehouse.groups == [["1", "2", "3"]]
    tasks[place].cancel()
    await asyncio.sleep(0)
    warehouse.gate.set()
    expected: list[int | str] = [1, 2, 3]
    expected[place] = "CancelledError"
    assert await outcomes(tasks) == expected
    assert warehouse.groups == [["1", "2", "3"]]


async def test_those_who_come_after_a_cancelled_turn_get_theirs() -> None:
    warehouse = Warehouse()
    commit = GroupCommit(warehouse)
    tasks = await behind_a_gate(warehouse, commit, batch(1), batch(2))
    tasks[0].cancel()
    await asyncio.sleep(0)
    late = asyncio.create_task(commit.submit(batch(3)))
    warehouse.gate.set()
    assert await outcomes([*tasks, late]) == ["CancelledError", 2, 3]


def page(start: int, landed: int = MOST_BESIDE_LANES // 2) -> ApplyInput:
    return batch(start, landed=landed, form=Form.ROWS)


async def test_a_batch_of_a_lane_does_not_wait_for_the_pages_before_it() -> None:
    warehouse = Warehouse()
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), page(1), page(2), page(3), batch(4))
    warehouse.gate.set()
    await outcomes(tasks)
    assert warehouse.groups == [["1"], ["4"], ["2", "3"]]


async def test_pages_are_not_starved_by_lanes_and_take_small_turns_between_them() -> None:
    warehouse = Warehouse()
    lanes = [batch(n, landed=MOST_CHANGES) for n in range(1, 4)]
    pages = [page(n) for n in range(4, 10)]
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), lanes[0], *pages, *lanes[1:])
    warehouse.gate.set()
    await outcomes(tasks)
    assert warehouse.groups == [["1"], ["2"], ["4", "5"], ["3"], ["6", "7", "8", "9"]]


async def test_pages_alone_share_large_groups() -> None:
    warehouse = Warehouse()
    tasks = await behind_a_gate(warehouse, GroupCommit(warehouse), *(page(n) for n in range(1, 6)))
    warehouse.gate.set()
    await outcomes(tasks)
    assert warehouse.groups == [["1"], ["2", "3", "4", "5"]]
