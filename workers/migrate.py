"""Bring the stores to this release: tables of the warehouse and of the operational store, rights of
the engine's user, Temporal's search attributes.

Every worker would make what is missing where it may. In an installation where it may not, this is
run before the workers of a new release are.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from clients.database.audit_log import AuditLog
from clients.database.connect import connect_postgres, connect_redshift
from clients.database.grants import grant, operational_grants, warehouse_grants
from clients.temporal.search_attributes import register_search_attributes
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.shadow.schemas import schemas_of
from clients.warehouse.stored_names import keep_names
from clients.writeback.store import WritebackStore
from schemas.ingest.messages import Act
from transforms.catalogue.warehouse_names import with_objects
from workers.addresses import operational_address, read_copy_address, warehouse_address
from workers.clients import catalogue_file, connect_temporal, open_warehouse
from workers.settings import Settings

_STORE = "the operational store"


@dataclass(frozen=True)
class Migrated:
    """The tables and attributes that were made, by part. An empty list: nothing was missing."""

    warehouse: list[str]
    """Tables and columns."""
    operational: list[str]
    """Steps of the schema, as `0004`."""
    temporal: list[str]
    """Search attributes."""
    granted_to: str | None
    """Role that was given the engine's rights. None = no role was named."""


async def migrate(
    settings: Settings, *, grant_to: str | None, by: str, on_part: Callable[[str], None] = lambda _: None
) -> Migrated:
    """Make what is missing, one part after the other.

    Args:
        settings: Of a user who may make tables.
        grant_to: Role of the engine's user. None = no rights are given.
        by: Who asks, for the audit log.
        on_part: Called with each part's name before it begins.

    Raises:
        MigrationMissingError: The user may not make what is missing.
        SettingsError: There is no such role, or the catalogue or Temporal does not allow it.
        UnavailableError: A part does not answer.
    """
    on_part("the warehouse")
    warehouse = await asyncio.to_thread(_migrate_warehouse, settings, grant_to)
    on_part(_STORE)
    operational = await asyncio.to_thread(_migrate_operational, settings, grant_to)
    on_part("Temporal")
    temporal = await _register(settings)
    made = Migrated(warehouse, operational, temporal, grant_to)
    await asyncio.to_thread(_record, settings, made, by)
    return made


def _migrate_warehouse(settings: Settings, role: str | None) -> list[str]:
    with closing(open_warehouse(settings)) as warehouse:
        file = catalogue_file(settings)
        made = warehouse.ensure_tables(with_objects(file, {}))
        made += warehouse.ensure_tables(keep_names(warehouse, file))
        # Fields that were decided about since; there are none before the first table.
        made += warehouse.ensure_tables(LiveCatalogue.over(file, warehouse))
    if role is not None:
        connect = connect_redshift if settings.warehouse.kind == "redshift" else connect_postgres
        _grant_tables(connect(warehouse_address(settings.warehouse)), "the warehouse", role)
        if settings.read_copy is not None:
            _grant_tables(connect_postgres(read_copy_address(settings.read_copy)), "the read copy", role)
    return made


def _grant_tables(opened: psycopg.Connection, system: str, role: str) -> None:
    with translated_psycopg(system), opened as connection:
        statements = warehouse_grants(schemas_of(""), connection.info.dbname, role)
        grant(connection, statements, system, role)


def _migrate_operational(settings: Settings, role: str | None) -> list[str]:
    address = operational_address(settings.operational)
    with closing(WritebackStore(address)) as store:
        before = set(store.steps_taken())
        with store.begin():
            pass  # the tables are made when it is first used
        made = [step for step in store.steps_taken() if step not in before]
    if role is not None:
        with translated_psycopg(_STORE), connect_postgres(address) as connection:
            grant(connection, operational_grants(role), _STORE, role)
    return made


async def _register(settings: Settings) -> list[str]:
    return await register_search_attributes(await connect_temporal(settings))


def _record(settings: Settings, made: Migrated, by: str) -> None:
    """Put it on record that stores were changed."""
    parts = {"warehouse": made.warehouse, "operational store": made.operational, "Temporal": made.temporal}
    detail = "; ".join(f"{part}: {len(names)} made" for part, names in parts.items() if names)
    if not detail and made.granted_to is None:
        return
    granted = "" if made.granted_to is None else f"rights given to {made.granted_to}"
    act = Act(
        act="migrate",
        by=by,
        target="stores",
        detail="; ".join(each for each in (detail, granted) if each),
        at=datetime.now(UTC),
    )
    with closing(AuditLog(operational_address(settings.operational))) as log:
        log.append(act)
