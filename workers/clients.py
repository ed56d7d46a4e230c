"""From settings to the clients of one process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from clients.concurrency import run_to_completion
from clients.database.audit_log import AuditLog
from clients.dependencies import Clients
from clients.storage.data_key import org_data_key
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.postgres_tables import MAX_ROW_BYTES
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.redshift_sql import MAX_TEXT_BYTES
from clients.warehouse.stored_names import keep_names
from schemas.catalogue import Catalogue, load_catalogue
from schemas.drift import RELOAD_EVERY
from schemas.errors import SettingsError, StatementError, TidegateError, UnavailableError
from transforms.catalogue.warehouse_names import within
from transforms.pii import Protector
from workers.addresses import s3_address
from workers.settings import Settings
from workers.telemetry import temporal_plugins

_log = logging.getLogger(__name__)
CONNECTED_WITHIN = 20.0
"""Seconds: a Temporal that takes the connection and says nothing would be waited for without
end.
"""
_NO_TABLE = "42P01"
"""SQLSTATE undefined_table: https://www.postgresql.org/docs/current/errcodes-appendix.html."""


@dataclass(frozen=True)
class ProcessClients:
    """The clients of one process."""

    settings: Settings
    catalogue: LiveCatalogue
    store: ObjectStore
    warehouse: Warehouse
    audit: AuditLog
    protector: Protector

    def clients(self, temporal: Client) -> Clients:
        """The same, as activities take them."""
        return Clients(temporal, self.store, self.warehouse, self.catalogue, self.audit, self.protector)


async def connect_temporal(
    settings: Settings, *, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """A client for the settings' Temporal; raises `UnavailableError` that says where it looked.

    A lazy one connects when it is first used. `runtime`: of the SDK; None: the usual one, which
    serves no metrics.
    """
    where = settings.temporal
    try:
        async with asyncio.timeout(CONNECTED_WITHIN):
            return await Client.connect(
                where.address,
                namespace=where.namespace,
                data_converter=pydantic_data_converter,
                lazy=lazy,
                plugins=temporal_plugins(),
                runtime=runtime,
            )
    except (RuntimeError, TimeoutError, RPCError) as error:
        detail = f"no answer at {where.address}; start it, or set TIDEGATE_TEMPORAL__ADDRESS"
        raise UnavailableError(system="Temporal", detail=detail) from error


def open_warehouse(settings: Settings, *, prefix: str = "") -> Warehouse:
    """The adapter of the settings' warehouse. `prefix`: of the schemas' names; empty but for a
    shadow.
    """
    where = settings.warehouse
    dsn = where.dsn.get_secret_value()
    if where.kind == "postgres":
        return PostgresWarehouse(dsn, prefix=prefix)
    if where.copy_role is None:
        raise SettingsError(
            "Redshift needs TIDEGATE_WAREHOUSE__COPY_ROLE, the role with which COPY reads the bucket."
        )
    store = ObjectStore(s3_address(settings.s3))
    return RedshiftWarehouse(dsn, store=store, copy_role=where.copy_role, prefix=prefix)


def catalogue_file(settings: Settings) -> Catalogue:
    """The catalogue's file, for texts and rows of the size that the settings' warehouse takes.
    Raises `CatalogueError`.
    """
    file = load_catalogue(settings.catalogue)
    if settings.warehouse.kind == "postgres":
        return within(file, most_bytes=None, most_row_bytes=MAX_ROW_BYTES)
    return within(file, most_bytes=MAX_TEXT_BYTES, most_row_bytes=None)


def open_clients(settings: Settings) -> ProcessClients:
    """Open every client and make the tables that are missing. Blocks."""
    file = catalogue_file(settings)
    address = s3_address(settings.s3)
    store = ObjectStore(address)
    warehouse = open_warehouse(settings)
    warehouse.ensure_tables(keep_names(warehouse, file))
    catalogue = LiveCatalogue.over(file, warehouse)
    warehouse.ensure_tables(catalogue)
    audit = AuditLog(settings.operational.dsn.get_secret_value())
    audit.ensure_tables()
    key = org_data_key(settings.salesforce.org_id, address, store)
    protector = Protector(key, catalogue)
    catalogue.when_changed(protector.reload)
    return ProcessClients(settings, catalogue, store, warehouse, audit, protector)


def decided_catalogue(settings: Settings, warehouse: Warehouse) -> Catalogue:
    """The file with the decisions that the warehouse has by now, for a command. Blocks."""
    file = catalogue_file(settings)
    try:
        return LiveCatalogue.over(file, warehouse)
    except StatementError as error:
        if not _is_before_first_worker(error):
            raise
        return file  # no engine has run yet, so nothing is decided


def _is_before_first_worker(error: TidegateError) -> bool:
    """True while nobody has made the tables: the API may be the first process of an engine."""
    return isinstance(error, StatementError) and _NO_TABLE in error.detail


@asynccontextmanager
async def following(catalogue: LiveCatalogue) -> AsyncIterator[None]:
    """Go by what is decided about the schema, some seconds after it was."""

    async def follow() -> None:
        while True:
            try:
                await run_to_completion(asyncio.to_thread(catalogue.follow))
            except TidegateError as error:
                level = logging.DEBUG if _is_before_first_worker(error) else logging.WARNING
                _log.log(level, "the catalogue's changes cannot be read now: %s", error)
            await asyncio.sleep(RELOAD_EVERY.total_seconds())

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
