"""From settings to the clients of one process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.runtime import Runtime

from clients.concurrency import run_to_completion
from clients.database.audit_log import AuditLog
from clients.dependencies import Clients
from clients.storage.objects import ObjectStore
from clients.storage.purpose_keys import PurposeKeys
from clients.temporal.codec import PURPOSE as CODEC_PURPOSE, EncryptingCodec, data_converter
from clients.temporal.connection import Spoken, connect
from clients.warehouse import Warehouse
from clients.warehouse.erased_records import ErasedRecords
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.postgres_tables import MAX_ROW_BYTES
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.read_copy.books import TABLES_OF_COPY
from clients.warehouse.read_copy.sessions import CopySessions
from clients.warehouse.records.sessions import ReadSessions
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.redshift_values import MAX_TEXT_BYTES
from clients.warehouse.stored_names import keep_names
from schemas.catalogue import Catalogue, load_catalogue
from schemas.drift import RELOAD_EVERY
from schemas.errors import SettingsError, StatementError, TidegateError
from schemas.security.erasure import HEARD_EVERY
from transforms.catalogue.warehouse_names import within
from transforms.pii import Protector
from workers.addresses import (
    operational_address,
    read_copy_address,
    s3_address,
    temporal_address,
    warehouse_address,
)
from workers.security.keys import open_key_ring
from workers.security.origins import OriginInterceptor
from workers.settings import Settings
from workers.telemetry import temporal_plugins

_log = logging.getLogger(__name__)
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
    erased: ErasedRecords

    def clients(self, temporal: Client) -> Clients:
        """The same, as activities take them."""
        return Clients(temporal, self.store, self.warehouse, self.catalogue, self.audit, self.protector)


def spoken_with(settings: Settings, runtime: Runtime | None = None) -> Spoken:
    """How clients of this engine speak with Temporal: with the codec, and with the origin of what
    they ask.
    """
    encrypts = settings.temporal.codec
    ring = PurposeKeys(s3_address(settings.s3), settings.salesforce.org_id, CODEC_PURPOSE)
    return Spoken(
        converter=data_converter(EncryptingCodec(ring, encrypts=encrypts), encrypts=encrypts),
        interceptors=[OriginInterceptor()],
        plugins=temporal_plugins(),
        runtime=runtime,
    )


async def connect_temporal(
    settings: Settings, *, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """A client for the settings' Temporal; raises `UnavailableError` that says where it looked.

    A lazy one connects when it is first used. `runtime`: of the SDK; None: the usual one, which
    serves no metrics.
    """
    return await connect(temporal_address(settings.temporal), spoken_with(settings, runtime), lazy=lazy)


def open_warehouse(settings: Settings, *, prefix: str = "") -> Warehouse:
    """The adapter of the settings' warehouse, with its read copy. `prefix`: of the schemas' names;
    empty but for a shadow, which has no copy.
    """
    own = _open_own(settings, prefix)
    if settings.read_copy is None or prefix:
        return own
    tables = PostgresWarehouse(read_copy_address(settings.read_copy), more_tables=TABLES_OF_COPY)
    return CopiedWarehouse(own, tables)


def read_sessions(settings: Settings) -> ReadSessions | None:
    """Sessions for reads of single records: of the warehouse, or of its read copy. None = there is
    neither: Redshift alone cannot answer them.
    """
    if settings.read_copy is not None:
        return CopySessions(read_copy_address(settings.read_copy))
    if settings.warehouse.kind == "postgres":
        return ReadSessions(warehouse_address(settings.warehouse))
    return None


def _open_own(settings: Settings, prefix: str) -> Warehouse:
    where = settings.warehouse
    address = warehouse_address(where)
    if where.kind == "postgres":
        return PostgresWarehouse(address, prefix=prefix)
    if where.copy_role is None:
        raise SettingsError(
            "Redshift needs TIDEGATE_WAREHOUSE__COPY_ROLE, the role with which COPY reads the bucket."
        )
    store = ObjectStore(s3_address(settings.s3))
    return RedshiftWarehouse(address, store=store, copy_role=where.copy_role, prefix=prefix)


def catalogue_file(settings: Settings) -> Catalogue:
    """The catalogue's file, for texts and rows of the size that the settings' warehouse takes.
    Raises `CatalogueError`.
    """
    file = load_catalogue(settings.catalogue)
    is_redshift = settings.warehouse.kind == "redshift"
    is_in_postgres = not is_redshift or settings.read_copy is not None
    return within(
        file,
        most_bytes=MAX_TEXT_BYTES if is_redshift else None,
        most_row_bytes=MAX_ROW_BYTES if is_in_postgres else None,
    )


def open_clients(settings: Settings) -> ProcessClients:
    """Open every client and make the tables that are missing. Blocks."""
    file = catalogue_file(settings)
    store = ObjectStore(s3_address(settings.s3))
    with ExitStack() as opened:
        warehouse = opened.enter_context(closing(open_warehouse(settings)))
        warehouse.ensure_tables(keep_names(warehouse, file))
        catalogue = LiveCatalogue.over(file, warehouse)
        warehouse.ensure_tables(catalogue)
        take_migrations(settings)
        audit = opened.enter_context(closing(AuditLog(operational_address(settings.operational))))
        audit.ensure_tables()
        protector = Protector(open_key_ring(settings, store, warehouse, catalogue), catalogue)
        catalogue.when_changed(protector.reload)
        erased = ErasedRecords(warehouse, protector.forget)
        erased.follow()
        opened.pop_all()  # they stay open: nothing failed
    return ProcessClients(settings, catalogue, store, warehouse, audit, protector, erased)


def take_migrations(settings: Settings) -> None:
    """Take the missing migrations of the operational store as its owner, where a setting names the
    owner. Blocks.
    """
    owner = settings.operational.owner_dsn
    if owner is not None:
        with closing(AuditLog(owner.get_secret_value())) as log:
            log.ensure_tables()


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
async def following(catalogue: LiveCatalogue, erased: ErasedRecords | None = None) -> AsyncIterator[None]:
    """Go by what is decided about the schema, and by the list of erased records, some seconds after
    it was. `erased` None: of a process that writes no values.
    """
    looks: list[tuple[Callable[[], object], timedelta]] = [(catalogue.follow, RELOAD_EVERY)]
    if erased is not None:
        # An erasure waits for every process to have heard: more often than a schema is decided.
        looks.append((erased.follow, HEARD_EVERY))

    async def follow(look: Callable[[], object], every: timedelta) -> None:
        while True:
            try:
                await run_to_completion(asyncio.to_thread(look))
            except TidegateError as error:
                level = logging.DEBUG if _is_before_first_worker(error) else logging.WARNING
                _log.log(level, "what the warehouse decides cannot be read now: %s", error)
            await asyncio.sleep(every.total_seconds())

    tasks = [asyncio.create_task(follow(*each)) for each in looks]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
