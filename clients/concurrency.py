"""Steps that nobody cuts short, and questions that nobody has to wait for."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def run_to_completion(step: Coroutine[None, None, T]) -> T:
    """Run a step to its end, also when the caller is cancelled; the cancellation goes on after it.

    A worker that stops cancels steps that are closing already. A thread (`asyncio.to_thread`)
    goes on after a cancellation: it gives back its connection before anybody closes the pool.
    """
    running = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def in_daemon_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run `work` in a thread of its own, with the caller's context variables, and return its
    result. The thread is left behind when nobody waits any more.

    Use it to ask a remote that may be frozen. The end of a loop and of a process waits for
    threads of `asyncio.to_thread`, so a command would hang with the remote.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    answer: asyncio.Future[T] = loop.create_future()
    run = partial(answer_with, loop, answer, partial(context.run, work, *arguments))
    threading.Thread(target=run, daemon=True, name="remote").start()
    return await answer


def answer_with(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], work: Callable[[], T]) -> None:
    """Run `work` in this thread, and hand its result or its error to the future's loop. Does
    nothing where nobody waits any more.
    """

    def settle(result: Any, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    result, failed = None, None
    try:
        result = work()
    except BaseException as error:  # handed over to the caller
        failed = error
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, result, failed)
