"""Rows by id: `/sobjects/X` and `/sobjects/X/{id}`.

What a write must satisfy is the model's business; here names and bodies of the wire become its
calls.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from starlette.responses import Response

from sandbox.org.errors import SalesforceError
from sandbox.org.events.platform_events import PlatformEvent
from sandbox.org.queries.rows import row_renderer
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.conditional import (
    ETAG_OBJECTS,
    check_tag,
    check_unmodified,
    entity_tag,
    http_date,
    not_modified,
    refuse_conditions,
)
from sandbox.org.schema.ids import eighteen
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.compiler import compile_query
from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.soql.errors import PlacedSoqlError
from sandbox.org.soql.nodes import FieldPath, Query, SelectItem
from sandbox.org.state.dml import Outcome, Write

_EVENT_NUMBER = "xx0000000001"
"""Of every published message, behind its event's key prefix: the id stands for none."""


async def create(call: Call) -> Response:
    """`POST /sobjects/X`: 201 with the new id (REST API Developer Guide, "sObject Basic
    Information").
    """
    if (event := call.org.platform_events.find(call.path("object"))) is not None:
        return await _published(call, event)
    entity = call.service.entity(call.path("object"))
    outcome = await write(call, Write("insert", entity.name, await record_body(call)))
    return created(call, entity, outcome)


async def _published(call: Call, event: PlatformEvent) -> Response:
    """A platform event is made like a record; it is on its way once that is answered (Platform
    Events Developer Guide, "Publish Event Messages with Salesforce APIs").
    """
    _, message_id = call.org.platform_events.publish(event, await call.json_object(), call.user_id)
    told = {"statusCode": "OPERATION_ENQUEUED", "message": message_id, "fields": []}
    event_id = eighteen(event.key_prefix + _EVENT_NUMBER)
    return json_response({"id": event_id, "success": True, "errors": [told]}, 201)


async def retrieve(call: Call) -> Response:
    """`GET /sobjects/X/{id}?fields=A,B`; all fields without the parameter (REST API Developer
    Guide, "sObject Rows").
    """
    entity = call.service.entity(call.path("object"))
    return record_response(call, entity, call.service.dml.live_id(entity, call.path("id")))


async def update(call: Call) -> Response:
    """`PATCH /sobjects/X/{id}`: 204; a field that is null is emptied, one that is absent stays
    (REST API Developer Guide, "sObject Rows").
    """
    entity = call.service.entity(call.path("object"))
    record_id = call.service.dml.live_id(entity, call.path("id"))
    check_unmodified(call.request, _changed_at(call, entity, record_id))
    if entity.name in ETAG_OBJECTS:
        check_tag(call.request, _tag(call, entity, record_id))
    await update_record(call, entity, record_id, await record_body(call))
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """`DELETE /sobjects/X/{id}`: 204, and the record is in the recycle bin (REST API Developer
    Guide, "sObject Rows").
    """
    entity = call.service.entity(call.path("object"))
    refuse_conditions(call.request)
    await delete_record(call, entity, call.service.dml.live_id(entity, call.path("id")))
    return Response(status_code=204)


def created(
    call: Call, entity: Entity, outcome: Outcome, *, extra: Mapping[str, object] | None = None
) -> Response:
    """201; `Location` is the record's address."""
    headers = {"Location": f"{call.base}/sobjects/{entity.name}/{outcome.record_id}"}
    return json_response(
        {"id": outcome.record_id, "success": True, "errors": []} | dict(extra or {}), 201, headers
    )


async def record_body(call: Call, key: str = "Id") -> dict[str, Any]:
    """The fields of one record. The address alone says which record it is: a body that names the
    Id, or the external id of the address, is refused (REST API Developer Guide, "Create a
    Record", "Insert or Update (Upsert) a Record Using an External ID").
    """
    body = await call.json_object()
    for name in ("Id", key):
        if any(given.lower() == name.lower() for given in body):
            message = f"The {name} field should not be specified in the sobject data."
            raise SalesforceError("INVALID_FIELD", message, fields=[name])
    return body


async def update_record(call: Call, entity: Entity, record_id: str, body: Mapping[str, Any]) -> None:
    await write(call, Write("update", entity.name, body, record_id))


async def delete_record(call: Call, entity: Entity, record_id: str) -> None:
    await write(call, Write("delete", entity.name, {}, record_id))


async def write(call: Call, row: Write) -> Outcome:
    """Write one row in the caller's name; raises its `SalesforceError`."""
    [outcome] = await call.apply([row], all_or_none=False)
    if outcome.error is not None:
        raise outcome.error
    return outcome


def record_response(call: Call, entity: Entity, record_id: str) -> Response:
    """The record, in full or as far as `?fields=` asks; 304 when it has not changed since the
    client's date.
    """
    changed_at = _changed_at(call, entity, record_id)
    if (unchanged := not_modified(call.request, changed_at)) is not None:
        return unchanged
    headers = {"Last-Modified": http_date(changed_at)}
    if entity.name in ETAG_OBJECTS:
        headers["ETag"] = _tag(call, entity, record_id)
        if (known := check_tag(call.request, headers["ETag"])) is not None:
            return known
    asked = [name.strip() for name in call.request.query_params.get("fields", "").split(",") if name.strip()]
    compiled = reading(call.service.entities, entity.name, tuple(asked or entity.fields))
    row = call.org.store.connection.execute(*compiled.rows_of([record_id])).fetchone()
    return json_response(row_renderer(compiled, call.base)(row), headers=headers)


@lru_cache(maxsize=256)
def reading(entities: Entities, object_name: str, names: tuple[str, ...]) -> CompiledQuery:
    """How to read these fields (paths allowed) of a record; a field that does not exist is
    INVALID_FIELD.
    """
    items = tuple(SelectItem(FieldPath(tuple(name.split(".")), 0), None) for name in names)
    query = Query(select=items, object_name=object_name, object_at=0)
    try:
        return compile_query(query, entities, include_deleted=True, today=date.min)
    except PlacedSoqlError as error:
        raise SalesforceError(error.code, error.detail) from None


def _changed_at(call: Call, entity: Entity, record_id: str) -> datetime:
    statement = f'SELECT SystemModstamp FROM "{entity.name}" WHERE Id = ?'
    row = call.org.store.connection.execute(statement, (record_id,)).fetchone()
    return datetime.fromisoformat(row[0]).astimezone(UTC)


def _tag(call: Call, entity: Entity, record_id: str) -> str:
    statement = f'SELECT * FROM "{entity.name}" WHERE Id = ?'
    return entity_tag(call.org.store.connection.execute(statement, (record_id,)).fetchone())
