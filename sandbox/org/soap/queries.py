"""Queries and replication by SOAP: the same results as REST's, written as XML."""

import sqlite3
from datetime import datetime
from typing import Any

from sandbox.org.errors import SalesforceError
from sandbox.org.queries.results import Result, ResultReader
from sandbox.org.queries.rows import row_renderer
from sandbox.org.rest.records import reading
from sandbox.org.rest.replication import changed_rows, span_of
from sandbox.org.soap.call import Results, SoapCall
from sandbox.org.soap.record_xml import query_result, record_xml
from sandbox.org.soap.xml import element, text, texts
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.literals import full_id, stored_datetime
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX, DELETED_MAX_AGE, UPDATED_MAX_AGE


async def query(call: SoapCall) -> Results:
    """Finds records that are not deleted (SOAP API Developer Guide, "query()")."""
    return await _first_page(call, include_deleted=False)


async def query_all(call: SoapCall) -> Results:
    """Finds records in the recycle bin too (SOAP API Developer Guide, "queryAll()")."""
    return await _first_page(call, include_deleted=True)


async def query_more(call: SoapCall) -> Results:
    """The next page of a result (SOAP API Developer Guide, "queryMore()")."""
    cursors = call.service.cursors
    name, cursor, offset = cursors.find(text(call.request.body, "queryLocator"))

    def read(connection: sqlite3.Connection) -> Result:
        return ResultReader(connection, cursors, call.base, call.batch_size).page(name, cursor, offset)

    return [query_result(call, await call.service.readers.run(read))]


async def retrieve(call: SoapCall) -> Results:
    """Records by id, nil where there is none (SOAP API Developer Guide, "retrieve()")."""
    body = call.request.body
    entity = call.service.dml.entity(text(body, "sObjectType"))
    ids = [full_id(each) for each in texts(body, "ids")]
    if len(ids) > COLLECTION_RETRIEVE_MAX:
        message = (
            f"record limit reached. cannot submit more than {COLLECTION_RETRIEVE_MAX} records into this call"
        )
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
    names = [name.strip() for name in text(body, "fieldList").split(",") if name.strip()]
    compiled = reading(call.service.entities, entity.name, tuple(dict.fromkeys(names or ["Id"])))

    def read(connection: sqlite3.Connection) -> dict[str, dict[str, Any]]:
        render = row_renderer(compiled, call.base)
        rows = connection.execute(*compiled.rows_of([each for each in ids if each])).fetchall()
        live = f'SELECT IsDeleted FROM "{entity.name}" WHERE Id = ?'
        return {row[0]: render(row) for row in rows if not connection.execute(live, (row[0],)).fetchone()[0]}

    found = await call.service.readers.run(read)
    return [
        record_xml(call, "result", found[each]) if each in found else element("result", None) for each in ids
    ]


async def get_updated(call: SoapCall) -> Results:
    """Ids of records made or changed in a span of time (SOAP API Developer Guide,
    "getUpdated()").
    """
    body = call.request.body
    entity = call.service.dml.entity(text(body, "sObjectType"))
    span = span_of(call.org, text(body, "startDate"), text(body, "endDate"), UPDATED_MAX_AGE)
    rows = await call.service.readers.run(
        lambda connection: changed_rows(connection, entity, span, deleted=False)
    )
    pairs: list[tuple[str, object]] = [("ids", record_id) for record_id, _ in rows]
    return [element("result", [*pairs, ("latestDateCovered", _shown(span.latest_covered))])]


async def get_deleted(call: SoapCall) -> Results:
    """Ids of records deleted in a span of time (SOAP API Developer Guide, "getDeleted()")."""
    body = call.request.body
    entity = call.service.dml.entity(text(body, "sObjectType"))
    span = span_of(call.org, text(body, "startDate"), text(body, "endDate"), DELETED_MAX_AGE)
    rows = await call.service.readers.run(
        lambda connection: changed_rows(connection, entity, span, deleted=True)
    )
    pairs: list[tuple[str, object]] = [
        ("deletedRecords", [("deletedDate", at), ("id", record_id)]) for record_id, at in rows
    ]
    pairs.append(("earliestDateAvailable", _shown(span.now - DELETED_MAX_AGE)))
    return [element("result", [*pairs, ("latestDateCovered", _shown(span.latest_covered))])]


async def _first_page(call: SoapCall, *, include_deleted: bool) -> Results:
    soql, size = text(call.request.body, "queryString"), call.batch_size
    user = call.session().user_id
    if call.service.tooling.is_asked(soql):
        return [query_result(call, call.service.tooling.in_rest(user).query(soql, call.base))]

    def read(connection: sqlite3.Connection) -> Result:
        compiled = compile_soql(
            soql,
            call.service.entities,
            include_deleted=include_deleted,
            today=call.org.clock.today(),
            user=user,
        )
        return ResultReader(connection, call.service.cursors, call.base, size).first(compiled)

    return [query_result(call, await call.service.readers.run(read))]


def _shown(moment: datetime) -> str:
    return stored_datetime(moment)
