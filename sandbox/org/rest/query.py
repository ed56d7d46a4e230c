"""`/query` and `/queryAll`: the first page, the pages after it, and the refusal to page through aggregates."""

import re
import sqlite3
from typing import Any

from starlette.responses import Response

from sandbox.org.errors import SalesforceError
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.cursors import Cursor
from sandbox.org.rest.rows import Row, row_renderer
from sandbox.org.soql.compiler import CompiledQuery, compile_soql
from schemas.limits import QUERY_PAGE_DEFAULT, QUERY_PAGE_MAX, QUERY_PAGE_MIN

_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


async def query(call: Call) -> Response:
    """`GET /query?q=`: records that are not deleted."""
    return await _first_page(call, include_deleted=False)


async def query_all(call: Call) -> Response:
    """`GET /queryAll?q=`: records in the recycle bin too."""
    return await _first_page(call, include_deleted=True)


async def next_page(call: Call) -> Response:
    """`GET /query/01g…-2000`, and the same below /queryAll: a cursor remembers which of the two opened it."""
    name, cursor, offset = call.service.cursors.find(call.path("locator"))
    size = _asked_page_size(call) or cursor.page_size
    rows = await call.service.readers.run(lambda connection: rows_in_order(connection, cursor, offset, size))
    return json_response(_page(call, name, cursor, offset, rows))


async def _first_page(call: Call, *, include_deleted: bool) -> Response:
    soql = call.request.query_params.get("q", "")
    compiled = compile_soql(soql, call.service.entities, include_deleted=include_deleted)
    if compiled.shape == "count":
        total = await call.service.readers.run(lambda connection: _count(connection, compiled))
        return json_response({"totalSize": total, "done": True, "records": []})
    size = _asked_page_size(call) or QUERY_PAGE_DEFAULT
    rows, ids = await call.service.readers.run(lambda connection: _start(connection, compiled, size))
    if ids is None:
        return json_response(_whole(call, compiled, rows))
    name, cursor = call.service.cursors.open(compiled, ids, size)
    return json_response(_page(call, name, cursor, 0, rows))


def _start(connection: sqlite3.Connection, compiled: CompiledQuery, size: int) -> tuple[list[Row], list[str] | None]:
    """The rows of the first page, and the ids of the whole result when it has more pages (None when this is all)."""
    rows = connection.execute(*compiled.rows(at_most=size + 1)).fetchall()
    if len(rows) <= size:
        return rows, None
    if compiled.shape == "groups":
        message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
    ids = [row[0] for row in connection.execute(*compiled.ids())]
    # Without ORDER BY the two statements may come in different orders; the pages must follow the ids.
    return _ordered(connection, compiled, ids[:size]), ids


def rows_in_order(connection: sqlite3.Connection, cursor: Cursor, offset: int, size: int) -> list[Row]:
    """The rows of one page of a cursor, as the records are now."""
    return _ordered(connection, cursor.compiled, cursor.page(offset, size))


def _ordered(connection: sqlite3.Connection, compiled: CompiledQuery, ids: list[str]) -> list[Row]:
    found = {row[0]: row for row in connection.execute(*compiled.rows_of(ids))}
    return [found[record_id] for record_id in ids if record_id in found]


def _count(connection: sqlite3.Connection, compiled: CompiledQuery) -> int:
    return int(connection.execute(*compiled.count()).fetchone()[0])


def _whole(call: Call, compiled: CompiledQuery, rows: list[Row]) -> dict[str, Any]:
    render = row_renderer(compiled, call.base)
    return {"totalSize": len(rows), "done": True, "records": [render(row) for row in rows]}


def _page(call: Call, name: str, cursor: Cursor, offset: int, rows: list[Row]) -> dict[str, Any]:
    """One page; its next address says /query/ even when the result was opened by queryAll, as Salesforce's does."""
    render = row_renderer(cursor.compiled, call.base)
    following = offset + len(rows)
    page: dict[str, Any] = {"totalSize": cursor.total, "done": following >= cursor.total}
    if not page["done"]:
        page["nextRecordsUrl"] = f"{call.base}/query/{name}-{following}"
    return page | {"records": [render(row) for row in rows]}


def _asked_page_size(call: Call) -> int | None:
    """`Sforce-Query-Options: batchSize=500`, held to 200 … 2,000; None when it says nothing."""
    match = _BATCH_SIZE.search(call.request.headers.get("sforce-query-options", ""))
    return None if match is None else min(max(int(match[1]), QUERY_PAGE_MIN), QUERY_PAGE_MAX)
