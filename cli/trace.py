"""tidegate trace: one record's way, from the event to the row."""

import asyncio
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from rich.table import Table

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings, workflow_url
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.sql import apply as sql
from clients.writeback.queries import Row, WritebackQueries
from schemas.catalogue import ObjectSpec
from schemas.ids import batch_workflow_id, trace_id_of, writeback_batch_id
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


def trace(
    record_id: Annotated[str, typer.Argument(help="18-character (or 15-character) record id.")],
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show one record's way from the event to the row. With raw files, batches, versions,
    writebacks and links into the Web UI.

    Example: tidegate trace 500Tg0000000001AAA
    """
    found = asyncio.run(asyncio.to_thread(_find, local_settings(settings, home), record_id))
    if found is None:
        say(
            f"No change of {record_id} is in the warehouse. Check the id, and `tidegate status` for quarantine."
        )
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _find(settings: Settings, record_id: str) -> dict[str, Any] | None:
    with closing(open_warehouse(settings)) as warehouse:
        catalogue = decided_catalogue(settings, warehouse)
    prefix = record_id[:3]
    specs = [spec for spec in catalogue.objects.values() if spec.key_prefix == prefix]
    dsn = settings.warehouse.dsn.get_secret_value()
    with translated_psycopg("the warehouse"), psycopg.connect(dsn, connect_timeout=5) as connection:
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
            workflow_url(settings, workflow),
            trace_id_of(workflow),
            settings.telemetry.url_of(trace_id_of(workflow)),
        )
        steps.append(TraceStep(*found))
    return steps


def _current(connection: psycopg.Connection, spec: ObjectSpec, record_id: str) -> dict[str, Any] | None:
    names = ["version", "is_deleted", "is_complete", "unknown_fields", "changed_at", "applied_at"]
    query = f"SELECT {', '.join(names)} FROM {sql.current_table(spec)} WHERE record_id LIKE %s"
    row = connection.execute(query.encode(), (f"{record_id}%",)).fetchone()
    return None if row is None else dict(zip(names, row, strict=True))


def _versions(connection: psycopg.Connection, spec: ObjectSpec, record_id: str) -> list[dict[str, Any]]:
    if not spec.history:
        return []
    names = ["version", "valid_from", "valid_to", "is_current", "is_deleted"]
    query = (
        f"SELECT {', '.join(names)} FROM {sql.history_table(spec)} WHERE record_id LIKE %s ORDER BY version"
    )
    return [
        dict(zip(names, row, strict=True)) for row in connection.execute(query.encode(), (f"{record_id}%",))
    ]


def _quarantined(connection: psycopg.Connection, record_id: str) -> list[dict[str, Any]]:
    names = ["batch", "position", "reason", "detail", "quarantined_at", "resolved_at", "resolved_by"]
    query = f"SELECT {', '.join(names)} FROM {sql.QUARANTINE} WHERE record_id LIKE %s ORDER BY quarantined_at"
    return [
        dict(zip(names, row, strict=True)) for row in connection.execute(query.encode(), (f"{record_id}%",))
    ]


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
    query = (
        f"SELECT {', '.join(names)} FROM {sql.QUALITY} WHERE record_id LIKE %s ORDER BY first_seen_at, field"
    )
    return [
        dict(zip(names, row, strict=True)) for row in connection.execute(query.encode(), (f"{record_id}%",))
    ]


def _writebacks(settings: Settings, record_id: str) -> list[Row]:
    with closing(WritebackQueries(settings.operational.dsn.get_secret_value())) as looks:
        rows = looks.of_record(record_id, _MOST_WRITEBACKS)
    return [{**row, "trace_id": _trace_of(settings, row)} for row in rows]


def _trace_of(settings: Settings, row: Row) -> str | None:
    """Trace of a writeback's batch; None before it is in one."""
    batch, org = row["batch"], settings.salesforce.org_id
    return trace_id_of(writeback_batch_id(org, row["object"], batch)) if batch else None


def _show(found: dict[str, Any]) -> None:
    OUT.print(f"{found.get('object', '')} {found['record_id']}")
    changes = Table("change", "committed", "received", "curated", "by", "batch", "fields", box=None)
    for column in changes.columns[:-1]:
        column.no_wrap = True
    for step in found["steps"]:
        times = (step[name] for name in ("changed_at", "received_at", "committed_at"))
        shown = (f"{moment:%m-%d %H:%M:%S.%f}"[:-4] if moment else "" for moment in times)
        fields = "whole record" if step["changed_fields"] is None else step["changed_fields"]
        changes.add_row(step["change_type"], *shown, step["commit_user"] or "", step["batch"], fields)
    OUT.print(changes)
    for step in {step["batch"]: step for step in found["steps"]}.values():
        OUT.print(f"batch {step['batch']}: positions {step['positions']}, raw file {step['raw_file']}")
        OUT.print(f"  {step['workflow_url'] or step['workflow']}")
        OUT.print(f"  trace {step['trace_url'] or step['trace_id']}", markup=False)
    if current := found.get("current"):
        deleted = ", deleted" if current["is_deleted"] else ""
        whole = "" if current["is_complete"] else ", incomplete: no whole record was seen yet"
        OUT.print(
            f"current row: version {current['version']}{deleted}{whole}, as of {current['changed_at']:%Y-%m-%d %H:%M:%S}"
        )
    for version in found.get("versions", []):
        until = "now" if version["valid_to"] is None else f"{version['valid_to']:%Y-%m-%d %H:%M:%S}"
        OUT.print(f"  version {version['version']}: {version['valid_from']:%Y-%m-%d %H:%M:%S} to {until}")
    if current and current["unknown_fields"]:
        OUT.print(f"unknown in it: {current['unknown_fields']}; null there says nothing of the org's value")
    for finding in found.get("quality", []):
        OUT.print(_finding_line(finding), markup=False)
    for refused in found["quarantined"]:
        answer = f"; answered by {refused['resolved_by']}" if refused["resolved_at"] is not None else ""
        OUT.print(
            f"in quarantine: {refused['reason']} ({refused['detail']}), batch {refused['batch']}{answer}"
        )
    for written in found["writebacks"]:
        OUT.print(writeback_line(written), markup=False)


def _finding_line(finding: dict[str, Any]) -> str:
    end = "open"
    if finding["resolved_at"] is not None:
        end = f"resolved by {finding['resolved_by']}"
    elif finding["acknowledged_at"] is not None:
        end = "acknowledged"
    weight = finding["state"] or finding["severity"]
    since = f"{finding['first_seen_at']:%Y-%m-%d %H:%M:%S}"
    return f"quality: {finding['field']} breaks {finding['rule']} ({weight}) since {since}: {finding['detail']}; {end}"


def writeback_line(row: Row) -> str:
    """One writeback: whose, where it stands, when it came how far, and which fields it names."""
    times = {
        "accepted": row["accepted_at"],
        "sent": row["sent_at"],
        "done": row["done_at"],
        "back": row["echoed_at"],
    }
    said = ", ".join(f"{word} {moment:%m-%d %H:%M:%S}" for word, moment in times.items() if moment)
    what = " ".join(filter(None, (row["code"], row["reason"])))
    of = f", undoes {row['undoes']}" if row["undoes"] else ""
    end = f"; {what}" if what else ""
    return f"writeback {row['number']} by {row['caller']}: {row['state']} in batch {row['batch']}{of}; {said}; fields {', '.join(row['fields'])}{end}"
