"""One record's way, from the event to the row: for the command and the console.

It shows times, batches and names of fields, never a value of the record.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from clients.database.connect import connect_postgres, connect_redshift
from clients.temporal.run_views import web_ui_url
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.sql import apply as sql
from clients.writeback.queries import Row, WritebackQueries
from schemas.catalogue import ObjectSpec, Pii
from schemas.ids import batch_workflow_id, trace_id_of, writeback_batch_id
from schemas.tables import quoted
from workers.addresses import operational_address, warehouse_address
from workers.clients import decided_catalogue, open_warehouse
from workers.settings import Settings

_MOST_WRITEBACKS = 100


@dataclass(frozen=True)
class TraceStep:
    """One change of the record, with where it came from and when it became visible."""

    change_type: str
    changed_at: datetime
    received_at: datetime
    committed_at: datetime | None
    changed_fields: str | None
    """Columns; None for a whole record."""
    commit_user: str | None
    change_origin: str | None
    batch: str
    positions: str
    raw_file: str
    workflow: str
    workflow_url: str | None
    trace_id: str
    """Of the batch, 32 hex digits."""
    trace_url: str | None


def trace_record(settings: Settings, record_id: str) -> dict[str, Any] | None:
    """Everything that is known of a record by its id, of 15 or 18 characters; None: nothing.
    Blocks.
    """
    with closing(open_warehouse(settings)) as warehouse:
        catalogue = decided_catalogue(settings, warehouse)
    prefix = record_id[:3]
    specs = [spec for spec in catalogue.objects.values() if spec.key_prefix == prefix]
    address = warehouse_address(settings.warehouse)
    connect = connect_redshift if settings.warehouse.kind == "redshift" else connect_postgres
    with translated_psycopg("the warehouse"), connect(address) as connection:
        for spec in specs:
            steps = _steps(connection, spec, record_id, settings)
            if steps:
                return {
                    "record_id": record_id,
                    "object": spec.name,
                    "steps": [asdict(step) for step in steps],
                    "current": _current(connection, spec, record_id),
                    "quality": _quality(connection, record_id),
                    "versions": _versions(connection, spec, record_id),
                    "quarantined": _quarantined(connection, record_id),
                    "writebacks": _writebacks(settings, record_id),
                }
        refused = _quarantined(connection, record_id)
    written = _writebacks(settings, record_id)
    if not refused and not written:
        return None
    return {"record_id": record_id, "steps": [], "quarantined": refused, "writebacks": written}


def _steps(
    connection: psycopg.Connection, spec: ObjectSpec, record_id: str, settings: Settings
) -> list[TraceStep]:
    query = f"""
        SELECT c.change_type, c.changed_at, c.received_at, l.committed_at, c.changed_fields, c.commit_user,
               c.change_origin, c.batch, l.lane, l.start_position, l.end_position, l.raw_key
        FROM {sql.change_table(spec)} AS c
        LEFT JOIN {sql.LEDGER} AS l ON l.batch = c.batch AND l.object = %s
        WHERE c.record_id LIKE %s ORDER BY c.change_order
    """
    steps = []
    for *facts, batch, lane, start, end, raw_key in connection.execute(
        query.encode(), (spec.name, f"{record_id}%")
    ):
        workflow = batch_workflow_id(settings.salesforce.org_id, lane or "", start or "")
        found = (
            *facts,
            batch,
            f"{start} to {end}",
            raw_key or "",
            workflow,
            web_ui_url(settings.temporal.ui_url, settings.temporal.namespace, workflow),
            trace_id_of(workflow),
            settings.telemetry.url_of(trace_id_of(workflow)),
        )
        steps.append(TraceStep(*found))
    return steps


def _current(connection: psycopg.Connection, spec: ObjectSpec, record_id: str) -> dict[str, Any] | None:
    names = ["version", "is_deleted", "is_complete", "unknown_fields", "changed_at", "applied_at"]
    return next(iter(_rows_of(connection, sql.current_table(spec), names, record_id, by="version")), None)


def _versions(connection: psycopg.Connection, spec: ObjectSpec, record_id: str) -> list[dict[str, Any]]:
    if not spec.history:
        return []
    names = ["version", "valid_from", "valid_to", "is_current", "is_deleted"]
    return _rows_of(connection, sql.history_table(spec), names, record_id, by="version")


def _quarantined(connection: psycopg.Connection, record_id: str) -> list[dict[str, Any]]:
    names = ["batch", "position", "reason", "detail", "quarantined_at", "resolved_at", "resolved_by"]
    return _rows_of(connection, sql.QUARANTINE, names, record_id, by="quarantined_at")


def _quality(connection: psycopg.Connection, record_id: str) -> list[dict[str, Any]]:
    names = [
        "field",
        "rule",
        "severity",
        "state",
        "detail",
        "first_seen_at",
        "last_seen_at",
        "seen",
        "resolved_at",
        "resolved_by",
        "acknowledged_at",
    ]
    return _rows_of(connection, sql.QUALITY, names, record_id, by="first_seen_at, field")


def _rows_of(
    connection: psycopg.Connection, table: str, names: Sequence[str], record_id: str, *, by: str
) -> list[dict[str, Any]]:
    """The record's rows of a table, the columns `names` of each, sorted by `by`."""
    query = f"SELECT {', '.join(names)} FROM {table} WHERE record_id LIKE %s ORDER BY {by}"
    rows = connection.execute(query.encode(), (f"{record_id}%",))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _writebacks(settings: Settings, record_id: str) -> list[Row]:
    with closing(WritebackQueries(operational_address(settings.operational))) as looks:
        rows = looks.of_record(record_id, _MOST_WRITEBACKS)
    return [{**row, "trace_id": _trace_of(settings, row)} for row in rows]


def _trace_of(settings: Settings, row: Row) -> str | None:
    """Trace of a writeback's batch; None before it is in one."""
    batch, org = row["batch"], settings.salesforce.org_id
    return trace_id_of(writeback_batch_id(org, row["object"], batch)) if batch else None


def current_values(settings: Settings, object_name: str, record_id: str) -> dict[str, str] | None:
    """Values of the record's current row by field, as the warehouse holds them; None: there is no
    row.

    Protected fields are left out. For whom may see values alone: no log or trace may have them.
    """
    with closing(open_warehouse(settings)) as warehouse:
        spec = decided_catalogue(settings, warehouse).object(object_name)
        names = [name for name, field in spec.fields.items() if field.pii is Pii.NONE]
        columns = ", ".join(f"CAST({quoted(spec.columns[name])} AS VARCHAR(1000))" for name in names)
        query = f"SELECT {columns} FROM {sql.current_table(spec)} WHERE record_id LIKE %s"
        with warehouse.transaction() as transaction:
            rows = transaction.fetch(query, [f"{record_id}%"])
    if not rows:
        return None
    return {name: value for name, value in zip(names, rows[0], strict=True) if value is not None}
