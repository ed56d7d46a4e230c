"""From settings to the org's data keys; workers, the API and the commands share it."""

import asyncio
import logging
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta

from clients.acting import operating_user
from clients.concurrency import run_to_completion
from clients.database.key_register import DataKeyRegister
from clients.storage.data_key import DataKeys, org_key_ring
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.sql.apply import LEDGER, current_table
from clients.warehouse.sql.token_keys import find_any_row
from schemas.catalogue import Catalogue
from schemas.errors import TidegateError
from transforms.pii import KeyRing
from workers.addresses import operational_address, s3_address
from workers.settings import Settings

_LOG = logging.getLogger(__name__)
_FOLLOWED_EVERY = timedelta(minutes=1)
"""A process encrypts with the former key for so long after a rotation; every process reads both."""


def open_key_ring(
    settings: Settings, store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue
) -> KeyRing:
    """The org's data keys, held against the register in the operational store. Blocks.

    Raises what `clients.storage.data_key.org_key_ring` raises.
    """
    with closing(DataKeyRegister(operational_address(settings.operational))) as register:
        register.ensure()
        return org_key_ring(
            settings.salesforce.org_id,
            s3_address(settings.s3),
            store,
            register=register,
            has_rows=lambda: has_rows(warehouse, catalogue),
            by=f"{operating_user()}@{platform.node()}",
        )


def open_keys(settings: Settings, store: ObjectStore) -> tuple[DataKeys, DataKeyRegister]:
    """The keys themselves, and what remembers them, for those who make and list keys."""
    keys = DataKeys(settings.salesforce.org_id, s3_address(settings.s3), store)
    return keys, DataKeyRegister(operational_address(settings.operational))


@asynccontextmanager
async def following_keys(ring: KeyRing) -> AsyncIterator[None]:
    """Take in keys that were made, some time after they were, until left."""

    async def follow() -> None:
        while True:
            await asyncio.sleep(_FOLLOWED_EVERY.total_seconds())
            try:
                await run_to_completion(asyncio.to_thread(ring.refresh))
            except TidegateError as error:
                _LOG.warning("the data keys cannot be read now: %s", error)

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def has_rows(warehouse: Warehouse, catalogue: Catalogue) -> bool:
    """True when anything was ever applied."""
    there: Mapping[str, object] = warehouse.existing_columns()
    tables = [LEDGER, *map(current_table, catalogue.objects.values())]
    with warehouse.reading() as reading:
        return any(reading.fetch(find_any_row(table)) for table in tables if table in there)
