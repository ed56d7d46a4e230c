"""One record's way, from the event to the row: for the command and the console.

It shows times, batches and names of fields, never a value of the record.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import psycopg

from clients.database.connect import connect_postgres, connect_redshift
from clients.retention.archived_changes import ArchivedChange, archived_changes
from clients.retention.archived_months import archived_months
from clients.temporal.run_views import web_ui_url
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.sql import apply as sql
from clients.writeback.queries import Row, WritebackQueries
from schemas.catalogue import ObjectSpec, Pii
from schemas.errors import TidegateError
from schemas.ids import batch_workflow_id, trace_id_of, writeback_batch_id
from schemas.tables import Column, Kind, field_column
from workers.addresses import operational_address, warehouse_address
from workers.clients import decided_catalogue, open_warehouse
from workers.security.retention import opened_retention
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
    archived_in: str | None = None
    """Key of the archive's file; None: the change is in the warehouse."""


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
            archived, trouble = _archived(connection, spec, record_id, settings)
            steps = [*archived, *_steps(connection, spec, record_id, settings)]
            if steps:
                return {
                    "record_id": record_id,
                    "object": spec.name,
                    "steps": [asdict(step) for step in steps],
                    "archive": trouble,
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


def _archived(
    connection: psycopg.Connection, spec: ObjectSpec, record_id: str, settings: Settings
) -> tuple[list[TraceStep], str]:
    """The record's changes that have left the warehouse, and why they could not be asked for, or
    "".
    """
    full = connection.execute(
        f"SELECT record_id FROM {sql.base_table(spec)} WHERE record_id LIKE %s".encode(), (f"{record_id}%",)
    ).fetchone()
    if full is None:
        return [], ""  # a record whose changes have left has a base
    try:
        with opened_retention(settings) as parts:
            months = archived_months(parts.warehouse)
            table = sql.change_table(spec)
            found = list(archived_changes(parts.archive, months, table, full[0]))
    except TidegateError as error:
        return [], f"older changes are in the archive, which could not be read: {error}"
    found.sort(key=lambda each: each.facts["change_order"])
    return [_archived_step(connection, spec, each, settings) for each in found], ""


def _archived_step(
    connection: psycopg.Connection, spec: ObjectSpec, change: ArchivedChange, settings: Settings
) -> TraceStep:
    query = f"SELECT committed_at, lane, start_position, end_position, raw_key FROM {sql.LEDGER} WHERE batch = %s AND object = %s"
    batch = change.facts["batch"]
    row = connection.execute(query.encode(), (batch, spec.name)).fetchone()
    committed_at, *where = row if row is not None else (None, "", "", "", "")
    facts = change.facts
    told = [facts[name] for name in ("changed_fields", "commit_user", "change_origin", "batch")]
    times = [facts["changed_at"], facts["received_at"], committed_at]
    step = _step(settings, [facts["change_type"], *times, *told], where)
    return replace(step, archived_in=change.file)


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
    rows = connection.execute(query.encode(), (spec.name, f"{record_id}%"))
    return [_step(settings, row[:8], row[8:]) for row in rows]


def _step(settings: Settings, facts: Sequence[Any], where: Sequence[Any]) -> TraceStep:
    """A step from its facts, the batch as the last of them, and the batch's place in the ledger."""
    lane, start, end, raw_key = where
    workflow = batch_workflow_id(settings.salesforce.org_id, lane or "", start or "")
    kind, changed_at, received_at, committed_at, fields, user, origin, batch = facts
    return TraceStep(
        change_type=kind,
        changed_at=changed_at,
        received_at=received_at,
        committed_at=committed_at,
        changed_fields=fields,
        commit_user=user,
        change_origin=origin,
        batch=batch,
        positions=f"{start} to {end}",
        raw_file=raw_key or "",
        workflow=workflow,
        workflow_url=web_ui_url(settings.temporal.ui_url, settings.temporal.namespace, workflow),
        trace_id=trace_id_of(workflow),
        trace_url=settings.telemetry.url_of(trace_id_of(workflow)),
    )


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
        columns = ", ".join(_as_text(field_column(spec.columns[name], spec.fields[name])) for name in names)
        query = f"SELECT {columns} FROM {sql.current_table(spec)} WHERE record_id LIKE %s"
        with warehouse.transaction() as transaction:
            rows = transaction.fetch(query, [f"{record_id}%"])
    if not rows:
        return None
    return {name: value for name, value in zip(names, rows[0], strict=True) if value is not None}


def _as_text(column: Column) -> str:
    """A column's value as a text. Redshift casts no boolean to one."""
    if column.kind is Kind.BOOLEAN:
        return f"CASE WHEN {column.sql} THEN 'true' WHEN NOT {column.sql} THEN 'false' END"
    return f"CAST({column.sql} AS VARCHAR(1000))"
