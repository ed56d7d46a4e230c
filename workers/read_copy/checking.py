"""The look at the read copy that a worker takes every minute."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.read_copy.check import check_copy
from clients.concurrency import run_to_completion
from clients.warehouse import Warehouse
from schemas.catalogue import Catalogue
from schemas.errors import TidegateError

_LOG = logging.getLogger(__name__)
_CHECKED_EVERY = timedelta(minutes=1)


@asynccontextmanager
async def checking_copy(warehouse: Warehouse, catalogue: Catalogue) -> AsyncIterator[None]:
    """Look at the read copy every minute, until left; nothing where there is none."""

    async def check() -> None:
        while True:
            await asyncio.sleep(_CHECKED_EVERY.total_seconds())
            try:
                await run_to_completion(asyncio.to_thread(check_copy, warehouse, catalogue))
            except TidegateError as error:
                _LOG.warning("the read copy cannot be compared now: %s", error)

    if len(warehouse.with_copy()) == 1:
        yield
        return
    task = asyncio.create_task(check())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
