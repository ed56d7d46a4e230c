"""Pages of a process share one memory."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from activities.backfill.page_memory import PageMemory


async def hold(memory: PageMemory, stack: AsyncExitStack, size: int) -> None:
    await stack.enter_async_context(memory.held(size))


async def is_in(asking: "asyncio.Task[None]") -> bool:
    """Whether it gets in without anybody leaving."""
    for _ in range(5):
        await asyncio.sleep(0)
    return asking.done()


async def test_pages_that_fit_are_held_at_once() -> None:
    memory = PageMemory(100)
    async with AsyncExitStack() as stack:
        await hold(memory, stack, 50)
        assert await is_in(asyncio.create_task(hold(memory, stack, 50)))


async def test_a_page_that_does_not_fit_waits_until_one_is_gone() -> None:
    memory = PageMemory(100)
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await hold(memory, first, 60)
        asking = asyncio.create_task(hold(memory, second, 60))
        assert not await is_in(asking)
        await first.aclose()
        await asking


async def test_a_page_larger_than_the_memory_is_held_alone() -> None:
    memory = PageMemory(100)
    async with AsyncExitStack() as large, AsyncExitStack() as small:
        await hold(memory, large, 500)
        asking = asyncio.create_task(hold(memory, small, 1))
        assert not await is_in(asking)
        await large.aclose()
        await asking


async def test_a_page_that_turned_out_larger_keeps_others_out() -> None:
    memory = PageMemory(100)
    async with AsyncExitStack() as grown, AsyncExitStack() as other:
        page = await grown.enter_async_context(memory.held(10))
        page.size = 100
        asking = asyncio.create_task(hold(memory, other, 10))
        assert not await is_in(asking)
        await grown.aclose()
        await asking


async def test_small_pages_do_not_pass_a_large_one_that_waits() -> None:
    memory = PageMemory(100)
    async with AsyncExitStack() as first, AsyncExitStack() as large, AsyncExitStack() as small:
        await hold(memory, first, 50)
        waiting = asyncio.create_task(hold(memory, large, 90))
        assert not await is_in(waiting)
        late = asyncio.create_task(hold(memory, small, 10))
        assert not await is_in(late)
        await first.aclose()
        await waiting
        await late


async def test_a_page_that_fails_leaves_its_room() -> None:
    memory = PageMemory(100)
    with pytest.raises(ValueError, match="torn"):
        async with memory.held(100):
            raise ValueError("torn")
    async with AsyncExitStack() as stack:
        assert await is_in(asyncio.create_task(hold(memory, stack, 100)))


async def test_a_waiter_that_is_cancelled_lets_the_next_one_in() -> None:
    memory = PageMemory(100)
    async with AsyncExitStack() as first, AsyncExitStack() as given_up, AsyncExitStack() as next_one:
        await hold(memory, first, 60)
        cancelled = asyncio.create_task(hold(memory, given_up, 60))
        assert not await is_in(cancelled)
        following = asyncio.create_task(hold(memory, next_one, 40))
        cancelled.cancel()
        await following
