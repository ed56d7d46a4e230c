"""Rows by id: `/sobjects/X` and `/sobjects/X/{id}`.

What a write must satisfy is the model's business; here names and bodies of the wire become its calls.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from starlette.responses import Response

from sandbox.org.errors import SalesforceError, entity_is_deleted, not_found
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.conditional import check_unmodified, http_date, not_modified
from sandbox.org.rest.rows import row_renderer
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.compiler import compile_query
from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.soql.literals import full_id
from sandbox.org.soql.nodes import FieldPath, Query, SelectItem


async def create(call: Call) -> Response:
    """`POST /sobjects/X`: 201 with the new id."""
    entity = call.service.entity(call.path("object"))
    values = written_values(call, entity, await call.json_object())
    record_id = call.org.create(entity.name, values, user=call.user_id, origin=call.origin)
    return created(call, entity, record_id)


async def retrieve(call: Call) -> Response:
    """`GET /sobjects/X/{id}?fields=A,B`; all fields without the parameter."""
    entity = call.service.entity(call.path("object"))
    return record_response(call, entity, live_id(call, entity, call.path("id")))


async def update(call: Call) -> Response:
    """`PATCH /sobjects/X/{id}`: 204; a field that is null is emptied, one that is absent stays."""
    entity = call.service.entity(call.path("object"))
    record_id = live_id(call, entity, call.path("id"))
    check_unmodified(call.request, _changed_at(call, entity, record_id))
    update_record(call, entity, record_id, await call.json_object())
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """`DELETE /sobjects/X/{id}`: 204, and the record is in the recycle bin."""
    entity = call.service.entity(call.path("object"))
    delete_record(call, entity, live_id(call, entity, call.path("id")))
    return Response(status_code=204)


def created(
    call: Call, entity: Entity, record_id: str, *, extra: Mapping[str, object] | None = None
) -> Response:
    """201; `Location` is the record's address."""
    headers = {"Location": f"{call.base}/sobjects/{entity.name}/{record_id}"}
    return json_response({"id": record_id, "success": True, "errors": []} | dict(extra or {}), 201, headers)


def update_record(call: Call, entity: Entity, record_id: str, body: Mapping[str, Any]) -> None:
    values = written_values(call, entity, body)
    call.org.update(entity.name, record_id, values, user=call.user_id, origin=call.origin)


def delete_record(call: Call, entity: Entity, record_id: str) -> None:
    call.service.require_writable(entity)
    call.org.delete(entity.name, record_id, user=call.user_id, origin=call.origin)


def written_values(call: Call, entity: Entity, body: Mapping[str, Any]) -> dict[str, object]:
    """A body as the model wants it: canonical names, `attributes` left out, parents given by external id as their ids."""
    call.service.require_writable(entity)
    values: dict[str, object] = {}
    for name, value in body.items():
        if name == "attributes":
            continue
        reference = entity.by_relationship.get(name.lower())
        if reference is not None and isinstance(value, dict):
            values[reference.name] = _parent_id(call, reference.references, value)
        else:
            found = entity.by_lower_name.get(name.lower())
            values[found.name if found else name] = value
    return values


def _parent_id(call: Call, targets: tuple[str, ...], key: Mapping[str, Any]) -> str:
    """`{"ExternalId__c": "A-1"}` -> the id of the parent that has it; raises when there is none."""
    pairs = [(name, value) for name, value in key.items() if name != "attributes"]
    target = next((found for name in targets if (found := call.service.entities.find(name))), None)
    if target is not None and len(pairs) == 1:
        name, value = pairs[0]
        matches = ids_by_external_id(call, target, name, str(value))
        if len(matches) == 1:
            return matches[0]
        message = f"Foreign key external ID: {value} not found for field {name} in entity {target.name}"
        raise SalesforceError("INVALID_FIELD", message)
    raise SalesforceError("INVALID_FIELD", "A parent is given by one external id field", fields=list(key))


def ids_by_external_id(call: Call, entity: Entity, name: str, value: str) -> list[str]:
    """The live records with this external id, at most three; raises NOT_FOUND when `name` is no external id field."""
    field = entity.by_lower_name.get(name.lower())
    if field is not None and field.kind == "id":
        record_id = full_id(value)
        return [record_id] if record_id and _is_deleted(call, entity, record_id) is False else []
    if field is None or field.spec is None or not field.spec.external_id:
        raise not_found()
    statement = f'SELECT Id FROM "{entity.name}" WHERE "{field.name}" = ? COLLATE NOCASE AND IsDeleted = 0 ORDER BY Id LIMIT 3'
    return [row[0] for row in call.org.store.connection.execute(statement, (value,))]


def live_id(call: Call, entity: Entity, text: str) -> str:
    """The 18-character id of a record that exists; raises NOT_FOUND or ENTITY_IS_DELETED (both 404)."""
    record_id = full_id(text)
    if record_id is None or not record_id.startswith(entity.key_prefix):
        message = "Provided external ID field does not exist or is not accessible: " + text
        raise SalesforceError("NOT_FOUND", message, 404)
    deleted = _is_deleted(call, entity, record_id)
    if deleted is None:
        raise not_found()
    if deleted:
        raise entity_is_deleted()
    return record_id


def _is_deleted(call: Call, entity: Entity, record_id: str) -> bool | None:
    """None when there is no such record."""
    statement = f'SELECT IsDeleted FROM "{entity.name}" WHERE Id = ?'
    row = call.org.store.connection.execute(statement, (record_id,)).fetchone()
    return None if row is None else bool(row[0])


def record_response(call: Call, entity: Entity, record_id: str) -> Response:
    """The record, in full or as far as `?fields=` asks; 304 when it has not changed since the client's date."""
    changed_at = _changed_at(call, entity, record_id)
    if (unchanged := not_modified(call.request, changed_at)) is not None:
        return unchanged
    asked = [name.strip() for name in call.request.query_params.get("fields", "").split(",") if name.strip()]
    compiled = _reading(call.service.entities, entity.name, tuple(asked or entity.fields))
    row = call.org.store.connection.execute(*compiled.rows_of([record_id])).fetchone()
    return json_response(
        row_renderer(compiled, call.base)(row), headers={"Last-Modified": http_date(changed_at)}
    )


@lru_cache(maxsize=256)
def _reading(entities: Entities, object_name: str, names: tuple[str, ...]) -> CompiledQuery:
    """How to read these fields (paths allowed) of a record."""
    items = tuple(SelectItem(FieldPath(tuple(name.split(".")), 0), None) for name in names)
    query = Query(select=items, object_name=object_name, object_at=0)
    return compile_query(query, entities, include_deleted=True, today=date.min)


def _changed_at(call: Call, entity: Entity, record_id: str) -> datetime:
    statement = f'SELECT SystemModstamp FROM "{entity.name}" WHERE Id = ?'
    row = call.org.store.connection.execute(statement, (record_id,)).fetchone()
    return datetime.fromisoformat(row[0]).astimezone(UTC)
