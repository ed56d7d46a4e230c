"""`/query` and `/queryAll` as addresses: what is asked, in which page size, and how the answer
travels.
"""

import gzip
import re
import sqlite3

from starlette.responses import Response

from sandbox.org.negotiation import wants_gzip
from sandbox.org.queries.results import ResultReader
from sandbox.org.rest.call import GZIP_LEVEL, JSON, Call, json_response
from sandbox.org.rest.query_columns import columns_of, wants_columns
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.entities import Entities
from sandbox.org.tooling.model import ROWS_ASKED
from schemas.salesforce.limits import QUERY_PAGE_DEFAULT, QUERY_PAGE_MAX, QUERY_PAGE_MIN

MIN_COMPRESSED_BYTES = 50_000
"""Smaller answers are left to the middleware."""
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


async def query(call: Call) -> Response:
    """`GET /query?q=`: records that are not deleted; `?explain=` its plan, `?columns=true` its
    columns instead (REST API Developer Guide, "Query").
    """
    if "explain" in call.request.query_params:
        return await explain(call)
    return await _first_page(call, include_deleted=False)


async def query_all(call: Call) -> Response:
    """`GET /queryAll?q=`: records in the recycle bin too (REST API Developer Guide, "QueryAll")."""
    return await _first_page(call, include_deleted=True)


async def explain(call: Call) -> Response:
    """`GET /query?explain=`: how a query would be run (REST API Developer Guide, "Query Performance
    Feedback").
    """
    soql = call.request.query_params["explain"]

    def read(connection: sqlite3.Connection) -> Response:
        compiled = compile_soql(soql, call.service.entities, today=call.org.clock.today(), user=call.user_id)
        sql, params = compiled.rows()
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
        found = int(connection.execute(*compiled.count()).fetchone()[0])
        everything = connection.execute(f'SELECT count(*) FROM "{compiled.entity.name}"').fetchone()[0]
        is_scan = not any("USING" in step and "INDEX" in step for step in steps)
        plan = {
            "cardinality": found,
            "fields": [],
            "leadingOperationType": "TableScan" if is_scan else "Index",
            "notes": [],
            "relativeCost": 1.0 if is_scan or not everything else found / everything,
            "sobjectCardinality": everything,
            "sobjectType": compiled.entity.name,
        }
        return json_response({"plans": [plan], "sourceQuery": soql})

    return await call.read(read)


async def next_page(call: Call) -> Response:
    """`GET /query/01g…-2000`, and the same below /queryAll: the cursor knows which (REST API
    Developer Guide, "Query More Results").
    """
    name, cursor, offset = call.service.cursors.find(call.path("locator"))
    size = _held_to_dial(call, _asked_page_size(call) or cursor.page_size)

    def read(connection: sqlite3.Connection) -> Response:
        result = ResultReader(connection, call.service.cursors, call.base, size)
        return _answer(call, result.page(name, cursor, offset))

    return await call.read(read)


async def _first_page(call: Call, *, include_deleted: bool) -> Response:
    soql = call.request.query_params.get("q", "")
    if wants_columns(call):
        return json_response(columns_of(soql, _entities_asked(call, soql), call.user_id))
    size = _held_to_dial(call, _asked_page_size(call) or QUERY_PAGE_DEFAULT)
    # A quick look first: to parse a long query here would hold up the event loop.
    if ROWS_ASKED.search(soql) and call.service.tooling.is_asked(soql):
        return json_response(call.service.tooling.in_rest(call.user_id).query(soql, call.base))

    def read(connection: sqlite3.Connection) -> Response:
        # Compiled here and not on the event loop: a list of 4,000 ids takes 0.2 s to parse.
        compiled = compile_soql(
            soql,
            call.service.entities,
            include_deleted=include_deleted,
            today=call.org.clock.today(),
            user=call.user_id,
        )
        return _answer(call, ResultReader(connection, call.service.cursors, call.base, size).first(compiled))

    return await call.read(read)


def _entities_asked(call: Call, soql: str) -> Entities:
    """The org's objects, or those whose rows describe the org when the query asks for one of
    them.
    """
    asks_tooling = ROWS_ASKED.search(soql) and call.service.tooling.is_asked(soql)
    return call.service.tooling.in_rest(call.user_id).entities if asks_tooling else call.service.entities


def _answer(call: Call, body: dict[str, object]) -> Response:
    """The response, compressed already: megabytes are squeezed here, in the reader's thread, not on
    the event loop.
    """
    response = json_response(body)
    accepted = call.request.headers.get("accept-encoding", "")
    if len(response.body) < MIN_COMPRESSED_BYTES or not wants_gzip(accepted):
        return response
    packed = gzip.compress(bytes(response.body), GZIP_LEVEL)
    return Response(packed, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}, media_type=JSON)


def _held_to_dial(call: Call, size: int) -> int:
    return min(size, call.org.dials.queries.page_rows or size)


def _asked_page_size(call: Call) -> int | None:
    """`Sforce-Query-Options: batchSize=500`, held to 200 … 2,000; None when it says nothing."""
    match = _BATCH_SIZE.search(call.request.headers.get("sforce-query-options", ""))
    return None if match is None else min(max(int(match[1]), QUERY_PAGE_MIN), QUERY_PAGE_MAX)
