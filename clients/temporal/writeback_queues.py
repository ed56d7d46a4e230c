"""The workflows that send writebacks, from outside: tell one that there is something to send.

A word to a queue makes it look sooner; one that is lost costs time and nothing else, because a
queue also looks by itself.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Self

from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.errors import TidegateError
from schemas.ids import writeback_queue_id
from schemas.writeback.messages import MAX_OPEN_BATCHES, QueueInput

_LOG = logging.getLogger(__name__)
_APART_SECONDS = 1.0
"""Between two words to one queue."""
_PATIENCE = timedelta(seconds=5)


class WritebackQueues:
    """The queues of one org, as one process wakes them. Open it as a context: what is to be said is
    said before it is left.
    """

    def __init__(self, client: Client, org: str, *, max_open_batches: int = MAX_OPEN_BATCHES) -> None:
        """`max_open_batches` goes to queues that are started here; one that runs keeps its own."""
        self._client = client
        self._org = org
        self._max_open_batches = max_open_batches
        self._told_at: dict[str, float] = {}
        self._waiting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_closing.set()
        await asyncio.gather(*self._tasks)

    async def wake(self, object_name: str) -> None:
        """Have the object's queue look at what waits; it is started when there is none. Comes back
        at once.

        A queue hears at most one word a second; what comes in between is said at the end of the
        second.
        """
        if object_name in self._waiting:
            return
        self._waiting.add(object_name)
        task = asyncio.create_task(self._tell(object_name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wake_all(self, object_names: Iterable[str]) -> None:
        """The queues of several objects."""
        for name in sorted(set(object_names)):
            await self.wake(name)

    async def _tell(self, object_name: str) -> None:
        wait = self._told_at.get(object_name, float("-inf")) + _APART_SECONDS - time.monotonic()
        if wait > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), wait)
        # From here on there may be more to say than this word will be about.
        self._waiting.discard(object_name)
        self._told_at[object_name] = time.monotonic()
        try:
            await self._signal(object_name)
        except (TidegateError, RPCError) as error:
            _LOG.warning("could not wake the writeback queue of %s: %s", object_name, type(error).__name__)

    async def _signal(self, object_name: str) -> None:
        with translated_temporal():
            await self._client.start_workflow(
                names.WRITEBACK_QUEUE_WORKFLOW,
                QueueInput(org=self._org, object=object_name, most_open=self._max_open_batches),
                id=writeback_queue_id(self._org, object_name),
                task_queue=names.WORKFLOW_QUEUE,
                start_signal=names.WAKE,
                rpc_timeout=_PATIENCE,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), self._org),
                        SearchAttributePair(SearchAttributeKey.for_keyword_list("SfObjects"), [object_name]),
                    ]
                ),
                static_summary=f"writebacks of {object_name}",
            )
