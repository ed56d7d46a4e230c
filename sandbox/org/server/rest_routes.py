"""The addresses of the REST API. A trailing slash never matters, and what has no address is refused
loudly.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from sandbox.org.addresses import Resource, any_case
from sandbox.org.auth.routes import own_url
from sandbox.org.composite.routes import HANDLERS as COMPOSITE
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.negotiation import wants_gzip
from sandbox.org.rest import (
    describe,
    event_schemas as schemas,
    external_ids,
    limits,
    query,
    records,
    replication,
)
from sandbox.org.rest.call import GZIP_LEVEL, Call, Handler, endpoint, json_response
from sandbox.org.rest.not_built import NOT_BUILT
from sandbox.org.rest.service import RestService
from sandbox.org.rest.tooling_routes import HANDLERS as TOOLING
from sandbox.org.rest.versions import resource_map, version_list

_ROOT = "/services/data"
_VERSION = f"{_ROOT}/v{{version}}"


class _Compressed(GZipMiddleware):
    """Starlette's, for which a header that has `gzip` in it asks for that."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            accepted = ",".join(Headers(scope=scope).getlist("accept-encoding"))
            others = [pair for pair in scope["headers"] if pair[0].lower() != b"accept-encoding"]
            plain = (b"accept-encoding", b"gzip" if wants_gzip(accepted) else b"identity")
            scope = {**scope, "headers": [*others, plain]}
        await super().__call__(scope, receive, send)


_COMPRESSED = (Middleware(_Compressed, minimum_size=1_000, compresslevel=GZIP_LEVEL),)
METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "/sobjects": {"GET": describe.describe_global},
    "/sobjects/{object}": {"GET": describe.basic_information, "POST": records.create},
    "/sobjects/{object}/describe": {"GET": describe.describe},
    "/sobjects/{object}/Id": {"POST": external_ids.insert},
    "/sobjects/{object}/updated": {"GET": replication.updated},
    "/sobjects/{object}/deleted": {"GET": replication.deleted},
    "/sobjects/{object}/eventSchema": {"GET": schemas.by_name},
    "/event/eventSchema/{schema_id}": {"GET": schemas.by_id},
    "/sobjects/{object}/{id}": {"GET": records.retrieve, "PATCH": records.update, "DELETE": records.delete},
    "/sobjects/{object}/{field}/{value:path}": {
        "GET": external_ids.retrieve,
        "PATCH": external_ids.upsert,
        "DELETE": external_ids.delete,
    },
    "/query": {"GET": query.query},
    "/queryAll": {"GET": query.query_all},
    "/query/{locator}": {"GET": query.next_page},
    "/queryAll/{locator}": {"GET": query.next_page},
    **COMPOSITE,
    **TOOLING,
    "/limits": {"GET": limits.limits},
    "/limits/recordCount": {"GET": limits.record_count},
}
"""Path below `/services/data/vXX.X` -> method -> handler. The first path that fits wins."""


def routes(service: RestService) -> list[BaseRoute]:
    """The REST API of `org`, its refusal of unknown addresses last.

    Other families below `/services/data` (composite, jobs) must come before these in the
    application, or be added to `HANDLERS`.
    """
    addresses = {**_refusals(), **HANDLERS}
    service.addresses = [(any_case(path), handlers) for path, handlers in addresses.items()]
    found = [Route(f"{_ROOT}{slash}", _versions, methods=["GET"]) for slash in ("", "/")]
    for path, handlers in {"": {"GET": _resources}, **addresses}.items():
        serve = endpoint(service, handlers)
        endings = ("",) if path.endswith(":path}") else ("", "/")
        found += [_route(_VERSION, f"{path}{slash}", serve) for slash in endings]
    unknown = endpoint(service, dict.fromkeys(METHODS, _unknown))
    found += [_route(_VERSION, "/{rest:path}", unknown), _route(_ROOT, "/{rest:path}", unknown)]
    no_class = endpoint(service, dict.fromkeys(METHODS, _no_class))
    apex = ("/services/apexrest", "/services/apexrest/{rest:path}")
    return [*found, *(Route(path, no_class, methods=METHODS) for path in apex)]


def _route(root: str, path: str, serve: Callable[[Request], Awaitable[Response]]) -> Route:
    return Resource(root, path, serve, methods=METHODS, middleware=_COMPRESSED)


async def _versions(_request: Request) -> Response:
    """`GET /services/data`: needs no session, costs nothing (REST API Developer Guide,
    "Versions").
    """
    return json_response(version_list())


async def _resources(call: Call) -> Response:
    """`GET /services/data/vXX.X`: what there is (REST API Developer Guide, "Resources by
    Version").
    """
    identity = call.org.identity
    return json_response(
        resource_map(call.base, f"{own_url(call.request)}/id/{identity.org_id}/{call.user_id}")
    )


async def _no_class(_call: Call) -> Response:
    """The org has no Apex, so no class answers (Apex Developer Guide, "Apex REST Methods")."""
    raise SalesforceError("NOT_FOUND", "Could not find a match for URL", 404)


async def _unknown(_call: Call) -> Response:
    raise not_found()


def _refusals() -> dict[str, Mapping[str, Handler]]:
    """Handlers for every address of the table."""
    found: dict[str, Mapping[str, Handler]] = {}
    for path, what in NOT_BUILT.items():
        refuse = dict.fromkeys(METHODS, _refusal(what))
        found[path] = refuse
        found[path + "/{rest:path}"] = refuse
    return found


def _refusal(what: str) -> Handler:
    async def refuse(_call: Call) -> Response:
        raise SalesforceError("NOT_BUILT", f"{what} is not built in this sandbox; see docs/sandbox.md", 501)

    return refuse
