"""Rows by external id: `/sobjects/X/{field}/{value}`, for reading, upserting and deleting.

An upsert answers by version: 201 with a body when it created; when it updated, 200 with a body
from v46.0 on and 204 without one before. Several matches are 300 with their addresses, and
nothing is written (REST API Developer Guide, "Upsert").
"""

import base64

from starlette.responses import Response

from sandbox.org.errors import not_found
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.records import (
    created,
    delete_record,
    record_body,
    record_response,
    update_record,
    write,
)
from sandbox.org.rest.relationships import related
from sandbox.org.soql.entities import Entity
from sandbox.org.state.dml import Write

_BODY_ON_UPDATE_FROM = 46.0


async def retrieve(call: Call) -> Response:
    """`GET /sobjects/X/{field}/{value}`: the record with that external id (REST API Developer
    Guide, "sObject Rows by External ID").

    `GET /sobjects/X/{id}/{field}` of a base64 field: the bytes themselves ("sObject Blob Get").
    """
    if (blob := _blob(call)) is not None:
        return blob
    if (found := await related(call)) is not None:
        return found
    entity, matches = _matches(call)
    return _several(call, entity, matches) or record_response(call, entity, _one(matches))


async def delete(call: Call) -> Response:
    """`DELETE /sobjects/X/{field}/{value}`: 204, also of a parent by its relationship (REST API
    Developer Guide, "sObject Rows by External ID").
    """
    if (done := await related(call)) is not None:
        return done
    entity, matches = _matches(call)
    if (several := _several(call, entity, matches)) is not None:
        return several
    await delete_record(call, entity, _one(matches))
    return Response(status_code=204)


async def upsert(call: Call) -> Response:
    """`PATCH /sobjects/X/{field}/{value}`: upsert; `?updateOnly=true` forbids to create (REST API
    Developer Guide, "sObject Rows by External ID").
    """
    if (done := await related(call)) is not None:
        return done
    entity, matches = _matches(call)
    key = entity.by_lower_name[call.path("field").lower()]
    body = await record_body(call, key.name)
    if (several := _several(call, entity, matches)) is not None:
        return several
    if matches:
        await update_record(call, entity, matches[0], body)
        return _updated(call, matches[0])
    if call.request.query_params.get("updateOnly", "").lower() == "true" or key.name == "Id":
        raise not_found()
    outcome = await write(call, Write("insert", entity.name, body | {key.name: call.path("value")}))
    return created(call, entity, outcome, extra=_created_flag(call, created=True))


async def insert(call: Call) -> Response:
    """`POST /sobjects/X/Id`: an insert by the upsert address, since v37.0 (REST API Developer
    Guide, "sObject Rows by External ID").
    """
    entity = call.service.entity(call.path("object"))
    outcome = await write(call, Write("insert", entity.name, await record_body(call)))
    return created(call, entity, outcome, extra=_created_flag(call, created=True))


def _blob(call: Call) -> Response | None:
    """The file that the address names, None when it names no field of bytes."""
    entity = call.service.entity(call.path("object"))
    field = entity.by_lower_name.get(call.path("value").lower())
    if field is None or field.kind != "base64":
        return None
    record_id = call.service.dml.live_id(entity, call.path("field"))
    statement = f'SELECT "{field.name}" FROM "{entity.name}" WHERE Id = ?'
    row = call.org.store.connection.execute(statement, (record_id,)).fetchone()
    if row[0] is None:
        raise not_found()
    return Response(base64.b64decode(row[0]), media_type="application/octet-stream")


def _matches(call: Call) -> tuple[Entity, list[str]]:
    entity = call.service.entity(call.path("object"))
    return entity, call.service.dml.ids_by_key(entity, call.path("field"), call.path("value"))


def _one(matches: list[str]) -> str:
    if not matches:
        raise not_found()
    return matches[0]


def _several(call: Call, entity: Entity, matches: list[str]) -> Response | None:
    """The 300 that lists what matches; None when at most one does."""
    if len(matches) <= 1:
        return None
    return json_response([f"{call.base}/sobjects/{entity.name}/{record_id}" for record_id in matches], 300)


def _updated(call: Call, record_id: str) -> Response:
    if call.version < _BODY_ON_UPDATE_FROM:
        return Response(status_code=204)
    body = {"id": record_id, "success": True, "errors": []} | _created_flag(call, created=False)
    return json_response(body)


def _created_flag(call: Call, *, created: bool) -> dict[str, object]:
    return {"created": created} if call.version >= _BODY_ON_UPDATE_FROM else {}
