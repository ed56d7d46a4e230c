"""sObject Collections: up to 200 rows in one call, each with an outcome of its own (REST API
Developer Guide, "sObject Collections").
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from sandbox.org.composite.errors import misread_value, too_many_records
from sandbox.org.composite.model import flag, id_in, records_of, row_result, typed
from sandbox.org.errors import SalesforceError, malformed_id
from sandbox.org.queries.rows import row_renderer
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.records import reading
from sandbox.org.soql.literals import full_id
from sandbox.org.state.dml import Verb, Write
from schemas.salesforce.limits import COLLECTION_MAX_ROWS, COLLECTION_RETRIEVE_MAX


async def create(call: Call) -> Response:
    """`POST /composite/sobjects`: make up to 200 records, of several objects (REST API Developer
    Guide, "Create Records Using sObject Collections").
    """
    body = await call.json_object()
    records = records_of(body)
    rows = [
        Write("insert", entity.name, record)
        for entity, record in zip(typed(call, records), records, strict=True)
    ]
    return await _written(call, "insert", rows, all_or_none=flag(body, "allOrNone"))


async def update(call: Call) -> Response:
    """`PATCH /composite/sobjects`: change up to 200 records by id (REST API Developer Guide,
    "Update Records Using sObject Collections").
    """
    body = await call.json_object()
    records = records_of(body)
    rows = []
    for entity, record in zip(typed(call, records), records, strict=True):
        record_id, fields = id_in(record)
        if not record_id:
            raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call")
        rows.append(Write("update", entity.name, fields, record_id))
    return await _written(call, "update", rows, all_or_none=flag(body, "allOrNone"))


async def upsert(call: Call) -> Response:
    """`PATCH /composite/sobjects/X/Key`: insert or update by an external id or by Id (REST API
    Developer Guide, "Upsert Records Using sObject Collections").
    """
    entity = call.service.entity(call.path("object"))
    key = entity.by_lower_name.get(call.path("field").lower())
    if key is None or not (key.kind == "id" or (key.spec is not None and key.spec.external_id)):
        message = f"Field name provided, {call.path('field')} is not an External ID or indexed field for {entity.name}"
        raise SalesforceError("NOT_FOUND", message, 404)
    body = await call.json_object()
    records = records_of(body)
    if any(found is not entity for found in typed(call, records)):
        message = "The entity type of a record does not match the entity type of the request"
        raise SalesforceError("INVALID_TYPE", message)
    rows = [Write("upsert", entity.name, record, key=key.name) for record in records]
    return await _written(call, "upsert", rows, all_or_none=flag(body, "allOrNone"))


async def delete(call: Call) -> Response:
    """`DELETE /composite/sobjects?ids=`: up to 200 records to the recycle bin (REST API Developer
    Guide, "Delete Records Using sObject Collections").
    """
    ids = _listed(call, "ids")
    if len(ids) > COLLECTION_MAX_ROWS:
        raise too_many_records(COLLECTION_MAX_ROWS)
    by_prefix = {entity.key_prefix: entity.name for entity in call.service.entities}
    rows = []
    for text in ids:
        if full_id(text) is None or text[:3] not in by_prefix:
            raise malformed_id("sObject", text)
        rows.append(Write("delete", by_prefix[text[:3]], {}, text))
    all_or_none = call.request.query_params.get("allOrNone", "false").lower() == "true"
    return await _written(call, "delete", rows, all_or_none=all_or_none)


async def retrieve(call: Call) -> Response:
    """`GET /composite/sobjects/X?ids=&fields=`: records by id, null where there is none (REST API
    Developer Guide, "Get Records Using sObject Collections").
    """
    return await _retrieved(call, _listed(call, "ids"), _listed(call, "fields"))


async def retrieve_by_body(call: Call) -> Response:
    """`POST /composite/sobjects/X` with `ids` and `fields`: up to 2,000 records (REST API Developer
    Guide, "Get Records Using sObject Collections").
    """
    body = await call.json_object()
    return await _retrieved(call, _texts(body, "ids"), _texts(body, "fields"))


async def _written(call: Call, verb: Verb, rows: Sequence[Write], *, all_or_none: bool) -> Response:
    for row in rows:
        records = call.org.records.get(row.object_name)
        if records is not None and (error := records.misread(row.fields)) is not None:
            raise misread_value(error)
    outcomes = await call.apply(rows, all_or_none=all_or_none)
    return json_response([row_result(verb, outcome) for outcome in outcomes])


async def _retrieved(call: Call, ids: Sequence[str], names: Sequence[str]) -> Response:
    entity = call.service.entity(call.path("object"))
    if len(ids) > COLLECTION_RETRIEVE_MAX:
        raise too_many_records(COLLECTION_RETRIEVE_MAX)
    compiled = reading(call.service.entities, entity.name, tuple(dict.fromkeys(names)))
    wanted = [full_id(text) for text in ids]

    def read(connection: sqlite3.Connection) -> list[dict[str, Any] | None]:
        render = row_renderer(compiled, call.base)
        live = (
            f'SELECT Id FROM "{entity.name}" WHERE IsDeleted = 0 AND Id IN (SELECT value FROM json_each(?))'
        )
        ids = [row[0] for row in connection.execute(live, (orjson.dumps(wanted).decode(),))]
        rows = connection.execute(*compiled.rows_of(ids))
        found = {row[0]: render(row) for row in rows}
        return [found.get(each) if each else None for each in wanted]

    return json_response(await call.read(read))


def _listed(call: Call, name: str) -> list[str]:
    found = [part.strip() for part in call.request.query_params.get(name, "").split(",") if part.strip()]
    return _not_empty(found, name)


def _texts(body: dict[str, Any], name: str) -> list[str]:
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise SalesforceError("JSON_PARSER_ERROR", f"'{name}' must be a list of strings")
    return _not_empty(found, name)


def _not_empty(found: list[str], name: str) -> list[str]:
    if not found:
        raise SalesforceError("MISSING_ARGUMENT", f"The required parameter '{name}' is missing or empty")
    return found
