"""The Tooling API's calls (Tooling API, "REST Resources")."""

from starlette.responses import Response

from sandbox.org.errors import not_found
from sandbox.org.rest.call import Call, json_response
from sandbox.org.rest.describe import describe_entity, summary
from sandbox.org.rest.query_columns import columns_of, wants_columns
from sandbox.org.soql.entities import Entity
from sandbox.org.tooling.model import Room
from schemas.salesforce.limits import QUERY_PAGE_MIN


async def resources(call: Call) -> Response:
    """`GET /tooling`: what there is (Tooling API, "REST Resources")."""
    return json_response({name: f"{call.base}/tooling/{name}" for name in ("query", "queryAll", "sobjects")})


async def query(call: Call) -> Response:
    """`GET /tooling/query?q=` and `/tooling/queryAll?q=`: rows that describe the org (Tooling API,
    "REST Resources").
    """
    soql = call.request.query_params.get("q", "")
    if wants_columns(call):
        return json_response(columns_of(soql, _room(call).entities, call.user_id))
    return json_response(_room(call).query(soql, _base(call)))


async def describe_global(call: Call) -> Response:
    """`GET /tooling/sobjects`: the Tooling API's objects (Tooling API, "REST Resources")."""
    found = [
        summary(entity, _base(call), writable=False) | _writes(call, entity)
        for entity in _room(call).entities
    ]
    return json_response({"encoding": "UTF-8", "maxBatchSize": QUERY_PAGE_MIN, "sobjects": found})


async def basic_information(call: Call) -> Response:
    """`GET /tooling/sobjects/X`: an object in short (Tooling API, "REST Resources")."""
    entity = _entity(call)
    described = summary(entity, _base(call), writable=False) | _writes(call, entity)
    return json_response({"objectDescribe": described, "recentItems": []})


async def describe(call: Call) -> Response:
    """`GET /tooling/sobjects/X/describe`: an object and its fields (Tooling API, "REST
    Resources").
    """
    entity = _entity(call)
    described = describe_entity(entity, _room(call).entities, _base(call), writable=False)
    return json_response(described | _writes(call, entity))


def _writes(call: Call, entity: Entity) -> dict[str, bool]:
    """Whether the caller may make, change and delete records of the object (Tooling API,
    "PlatformEventChannel": supported calls and special access rules).
    """
    may = (
        entity.name in call.org.event_metadata and call.org.permissions.of(call.user_id).customize_application
    )
    return dict.fromkeys(("createable", "deletable", "updateable"), may)


def _base(call: Call) -> str:
    return f"{call.base}/tooling"


def _room(call: Call) -> Room:
    return call.service.tooling.in_setup(call.user_id)


def _entity(call: Call) -> Entity:
    found = _room(call).entities.find(call.path("object"))
    if found is None:
        raise not_found()
    return found
