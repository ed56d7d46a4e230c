"""Related records by an address that people can read: `/sobjects/X/{id}/Account` leads to a parent,
`/sobjects/X/{id}/Contacts` to children, `/sobjects/X/{id}/Account/Parent` over several (REST API
Developer Guide, "sObject Relationships", "Traverse Relationships with Friendly URLs").
"""

import sqlite3

from starlette.responses import Response

from sandbox.org.errors import not_found
from sandbox.org.queries.results import ResultReader
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.records import delete_record, record_body, record_response, update_record
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.entities import Entity
from sandbox.org.soql.literals import full_id
from sandbox.org.soql.scope import MAX_LEVELS_UP
from schemas.salesforce.limits import QUERY_PAGE_DEFAULT


async def related(call: Call) -> Response | None:
    """The answer to the address of a relationship; None for an address of another kind."""
    entity = call.service.entity(call.path("object"))
    if not _is_id(entity, call.path("field")):
        return None
    record_id = call.service.dml.live_id(entity, call.path("field"))
    *parents, name = call.path("value").lower().split("/")
    for step in parents:
        entity, record_id = _parent_of(call, entity, record_id, step)
    if name in entity.by_relationship:
        if len(parents) >= MAX_LEVELS_UP:
            raise not_found()  # no page tells how too long a way is refused
        return await _parent(call, *_parent_of(call, entity, record_id, name))
    for child in call.service.entities.children(entity):
        if (child.name or "").lower() == name and call.request.method in ("GET", "HEAD"):
            return await _children(call, child.child, child.field, record_id)
    return None


def _is_id(entity: Entity, text: str) -> bool:
    return full_id(text) is not None and text.startswith(entity.key_prefix)


def _parent_of(call: Call, entity: Entity, record_id: str, name: str) -> tuple[Entity, str]:
    """The object and Id of the parent by that relationship, in small letters; raises NOT_FOUND when
    there is none.
    """
    reference = entity.by_relationship.get(name)
    if reference is None:
        raise not_found()
    statement = f'SELECT "{reference.name}" FROM "{entity.name}" WHERE Id = ?'
    [parent_id] = call.org.store.connection.execute(statement, (record_id,)).fetchone()
    targets = (call.service.entities.find(name) for name in reference.references)
    target = next((each for each in targets if each and str(parent_id).startswith(each.key_prefix)), None)
    if target is None:
        raise not_found()
    return target, call.service.dml.live_id(target, str(parent_id))


async def _parent(call: Call, parent: Entity, parent_id: str) -> Response:
    """The parent itself: read, changed or deleted by the method of the call."""
    if call.request.method in ("GET", "HEAD"):
        return record_response(call, parent, parent_id)
    if call.request.method == "DELETE":
        await delete_record(call, parent, parent_id)
    else:
        await update_record(call, parent, parent_id, await record_body(call))
    return Response(status_code=204)


async def _children(call: Call, child: str, field: str, parent_id: str) -> Response:
    """The children as the result of a query, in pages."""
    entity = call.service.entity(child)
    asked = [name.strip() for name in call.request.query_params.get("fields", "").split(",") if name.strip()]
    names = ", ".join(asked or entity.fields)
    soql = f"SELECT {names} FROM {child} WHERE {field} = '{parent_id}'"

    def read(connection: sqlite3.Connection) -> Response:
        compiled = compile_soql(soql, call.service.entities, today=call.org.clock.today())
        reader = ResultReader(connection, call.service.cursors, call.base, QUERY_PAGE_DEFAULT)
        return json_response(reader.first(compiled))

    return await call.read(read)
