"""The addresses of Bulk API 2.0. They are REST calls like any other: session, version, quota and
errors are REST's.
"""

from collections.abc import Mapping

from starlette.routing import BaseRoute

from sandbox.org.addresses import Resource
from sandbox.org.bulk import ingest_handlers, query_handlers
from sandbox.org.rest.call import Handler, endpoint
from sandbox.org.rest.service import RestService

_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "/jobs/query": {"GET": query_handlers.list_jobs, "POST": query_handlers.create},
    "/jobs/query/{id}": {
        "GET": query_handlers.get,
        "PATCH": query_handlers.change,
        "DELETE": query_handlers.delete,
    },
    "/jobs/query/{id}/{part}": {"GET": query_handlers.results},
    "/jobs/ingest": {"GET": ingest_handlers.list_jobs, "POST": ingest_handlers.create},
    "/jobs/ingest/{id}": {
        "GET": ingest_handlers.get,
        "PATCH": ingest_handlers.change,
        "DELETE": ingest_handlers.delete,
    },
    "/jobs/ingest/{id}/batches": {"PUT": ingest_handlers.upload},
    "/jobs/ingest/{id}/{part}": {"GET": ingest_handlers.results},
}
"""Path below `/services/data/vXX.X` -> method -> handler."""


def routes(service: RestService) -> list[BaseRoute]:
    """Bulk API 2.0 of `org`; they must come before REST's refusal of unknown addresses.
    `app.state.bulk` is the `Bulk`.
    """
    return [
        Resource("/services/data/v{version}", f"{path}{slash}", endpoint(service, handlers), methods=_METHODS)
        for path, handlers in HANDLERS.items()
        for slash in ("", "/")
    ]
