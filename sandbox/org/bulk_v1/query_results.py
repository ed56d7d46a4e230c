"""The result of a query batch: a CSV file as Bulk API 2.0 writes it, or records as JSON or XML.

In JSON, times are milliseconds since 1970, unlike anywhere else (Bulk API 2.0 and Bulk API
Developer Guide, "Get Batch Results").
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from sqlite3 import Connection
from threading import Event
from typing import Any

from sandbox.org.bulk.model import Job
from sandbox.org.bulk.result_file import ResultFile, StoppedError
from sandbox.org.bulk_v1.model import Batch, ClassicJob
from sandbox.org.bulk_v1.wire import NAMESPACE
from sandbox.org.queries.rows import row_renderer
from sandbox.org.schema.exact import dumps
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.conditions import Fragment

NOT_FOUND = b"Records not found for this query"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def chunk_of(compiled: CompiledQuery, rows: tuple[int, int] | None) -> CompiledQuery:
    """The part of a query whose row numbers are above the first, up to the second."""
    if rows is None:
        return compiled
    source = compiled.source
    condition = f"{source}.rowid > ? AND {source}.rowid <= ?"
    sql = f"{compiled.where.sql} AND {condition}" if compiled.where.sql else condition
    return replace(compiled, where=Fragment(sql, (*compiled.where.params, *rows)))


def write_result(
    connection: Connection,
    compiled: CompiledQuery,
    job: ClassicJob,
    batch: Batch,
    folder: Path,
    stop: Event,
) -> int:
    """Write the batch's result; returns its rows. Runs in a thread."""
    folder.mkdir(parents=True, exist_ok=True)
    part = chunk_of(compiled, batch.rows)
    if job.content_type == "CSV":
        # Only the dialect and the version of the job matter to the file.
        shape = Job(
            job.id, "V2Query", job.operation, job.object_name, job.user_id, job.version, 0, 0, "InProgress"
        )
        return ResultFile(folder).write(connection, part, shape, stop)
    render = _json_records if job.content_type == "JSON" else _xml_records
    count = 0
    with (folder / "records").open("wb") as file:
        for piece, is_row in render(connection, part, job):
            if stop.is_set():
                raise StoppedError
            file.write(piece)
            count += is_row
    return count


def result_file(folder: Path) -> Path:
    """The file of a result in JSON or XML."""
    return folder / "records"


def _records(connection: Connection, compiled: CompiledQuery, job: ClassicJob) -> Iterator[dict[str, Any]]:
    statement = compiled.rows()
    render = row_renderer(compiled, f"/services/data/v{job.version:.1f}")
    return map(render, connection.execute(statement.sql, statement.params))


def _json_records(
    connection: Connection, compiled: CompiledQuery, job: ClassicJob
) -> Iterator[tuple[bytes, bool]]:
    kinds = ("date", "datetime", "time")
    times = [(column.path, column.kind) for column in compiled.columns if column.kind in kinds]
    separator = b"["
    for record in _records(connection, compiled, job):
        for path, kind in times:
            _as_milliseconds(record, path, kind)
        yield separator + dumps(record), True
        separator = b","
    yield (b"[]" if separator == b"[" else b"]"), False


def _as_milliseconds(record: dict[str, Any], path: tuple[str, ...], kind: str) -> None:
    for step in path[:-1]:
        if (record := record.get(step) or {}) == {}:
            return
    if (value := record.get(path[-1])) is not None:
        text = {"datetime": value, "date": f"{value}T00:00:00+0000", "time": f"1970-01-01T{value}"}[kind]
        try:
            record[path[-1]] = int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
        except ValueError:
            return  # what an unchecked write has left is shown as it is


def _xml_records(
    connection: Connection, compiled: CompiledQuery, job: ClassicJob
) -> Iterator[tuple[bytes, bool]]:
    head = f'<?xml version="1.0" encoding="UTF-8"?><queryResult xmlns="{NAMESPACE}" xmlns:xsi="{_XSI}">'
    yield head.encode(), False
    for record in _records(connection, compiled, job):
        yield f'<records xsi:type="sObject">{_xml_record(record)}</records>'.encode(), True
    yield b"</queryResult>", False


def _xml_record(record: dict[str, Any]) -> str:
    parts = [f"<type>{record['attributes']['type']}</type>"]
    for name, value in record.items():
        if name == "attributes":
            continue
        if value is None:
            parts.append(f'<{name} xsi:nil="true"/>')
        elif isinstance(value, dict):
            parts.append(f'<{name} xsi:type="sObject">{_xml_record(value)}</{name}>')
        else:
            shown = str(value).lower() if isinstance(value, bool) else escape(str(value), quote=False)
            parts.append(
                f"<{name}>{shown.removesuffix('+0000') + 'Z' if shown.endswith('.000+0000') else shown}</{name}>"
            )
    return "".join(parts)
