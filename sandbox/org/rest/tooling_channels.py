"""The Tooling API's calls that write channels, members and managed subscriptions."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.rest.call import Call, json_response
from sandbox.org.schema.ids import normalised
from sandbox.org.tooling.objects import SPECS


async def create(call: Call) -> Response:
    """`POST /tooling/sobjects/X` with FullName and Metadata: 201 (Tooling API, "REST
    Resources").
    """
    name = _written(call)
    record_id = call.org.event_metadata.create(name, await call.json_object())
    body = {"id": record_id, "success": True, "errors": [], "warnings": [], "infos": []}
    return json_response(body, 201, {"Location": f"{call.base}/tooling/sobjects/{name}/{record_id}"})


async def retrieve(call: Call) -> Response:
    """`GET /tooling/sobjects/X/{id}`: the object with its Metadata (Tooling API, "REST
    Resources").
    """
    name = _object(call)
    row = call.org.event_metadata.row(name, _id(call, name))
    return json_response(_shown(name, row, f"{call.base}/tooling"))


async def update(call: Call) -> Response:
    """`PATCH /tooling/sobjects/X/{id}` with Metadata, which replaces the old: 204 (Tooling API,
    "REST Resources").
    """
    name = _written(call)
    call.org.event_metadata.update(name, _id(call, name), await call.json_object())
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """`DELETE /tooling/sobjects/X/{id}`: 204 (Tooling API, "REST Resources")."""
    name = _written(call)
    call.org.event_metadata.delete(name, _id(call, name))
    return Response(status_code=204)


def _object(call: Call) -> str:
    found = call.service.tooling.in_setup(call.user_id).entities.find(call.path("object"))
    if found is None:
        raise not_found()
    if found.name in call.org.event_metadata:
        return found.name
    message = f"entity type {found.name} does not support this operation"
    raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)


def _written(call: Call) -> str:
    """The object of a write, which needs Customize Application beside View Setup and Configuration
    (Tooling API, "PlatformEventChannel", "Special Access Rules", and so of the others). The code
    and the words are ours: the pages name none.
    """
    name = _object(call)
    if not call.org.permissions.of(call.user_id).customize_application:
        message = f"Customize Application is needed to write {name}"
        raise SalesforceError("INSUFFICIENT_ACCESS", message, 403)
    return name


def _id(call: Call, name: str) -> str:
    return normalised(name, SPECS[name].key_prefix, call.path("id"))


def _shown(name: str, row: Mapping[str, object], base: str) -> dict[str, object]:
    attributes = {"type": name, "url": f"{base}/sobjects/{name}/{row['Id']}"}
    fields = {field: row.get(field) for field in ("Id", *SPECS[name].fields)}
    return {"attributes": attributes, **fields, "Metadata": orjson.loads(str(row["Metadata"]))}
