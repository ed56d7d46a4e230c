"""The addresses of Bulk API 1.0."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.org.auth.sessions import Sessions
from sandbox.org.bulk_v1 import handlers
from sandbox.org.bulk_v1.call import AsyncCall, AsyncHandler, async_endpoint
from sandbox.org.bulk_v1.errors import AsyncApiError
from sandbox.org.bulk_v1.service import ClassicBulk
from sandbox.org.state.org import Org

_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")


async def _unknown(_call: AsyncCall) -> Response:
    raise AsyncApiError("InvalidUrl", "The requested resource does not exist", 404)


HANDLERS: Mapping[str, Mapping[str, AsyncHandler]] = {
    "/job": {"POST": handlers.create_job},
    "/job/{job}": {"GET": handlers.get_job, "POST": handlers.change_job},
    "/job/{job}/batch": {"GET": handlers.list_batches, "POST": handlers.add_batch},
    "/job/{job}/batch/{batch}": {"GET": handlers.get_batch},
    "/job/{job}/batch/{batch}/request": {"GET": handlers.get_request},
    "/job/{job}/batch/{batch}/result": {"GET": handlers.get_results},
    "/job/{job}/batch/{batch}/result/{result}": {"GET": handlers.get_result},
}
"""Path below `/services/async/XX.X` -> method -> handler."""


def routes(org: Org, bulk: ClassicBulk, sessions: Sessions) -> list[BaseRoute]:
    """Bulk API 1.0 of `org`, its refusal of unknown addresses last."""
    return [
        Route(
            f"/services/async/{{version}}{path}{slash}",
            async_endpoint(org, bulk, sessions, found),
            methods=_METHODS,
        )
        for path, found in {**HANDLERS, "/{rest:path}": dict.fromkeys(_METHODS, _unknown)}.items()
        for slash in ("", "/")
    ]
