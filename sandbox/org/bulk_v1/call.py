"""Shared by every call of Bulk API 1.0: the session, the version, the count against the quota, and
the form of a refusal.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.auth.sessions import Sessions, bearer_token
from sandbox.org.bulk_v1.errors import AsyncApiError, translated
from sandbox.org.bulk_v1.jobs import ClassicJobs
from sandbox.org.bulk_v1.model import Batch, ClassicJob
from sandbox.org.bulk_v1.service import ClassicBulk
from sandbox.org.bulk_v1.wire import answer, speaks_json
from sandbox.org.errors import MethodNotAllowedError, SalesforceError
from sandbox.org.rest.versions import checked_version
from sandbox.org.state.org import Org

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AsyncCall:
    """One authenticated call."""

    org: Org
    bulk: ClassicBulk
    request: Request
    version: float
    user_id: str

    @property
    def jobs(self) -> ClassicJobs:
        return self.bulk.jobs

    def job(self) -> ClassicJob:
        """The job that the path names; raises InvalidJob."""
        return self.jobs.find(str(self.request.path_params["job"]))

    def batch(self, job: ClassicJob) -> Batch:
        """The batch that the path names; raises InvalidBatch."""
        return self.jobs.batch(job, str(self.request.path_params["batch"]))


AsyncHandler = Callable[[AsyncCall], Awaitable[Response]]


def async_endpoint(
    org: Org, bulk: ClassicBulk, sessions: Sessions, handlers: Mapping[str, AsyncHandler]
) -> Callable[[Request], Awaitable[Response]]:
    """An ASGI endpoint that serves each HTTP method by its handler."""

    async def serve(request: Request) -> Response:
        allow = ""
        try:
            return await _served(request)
        except AsyncApiError as error:
            refused = error
        except SalesforceError as error:
            refused = translated(error)
            allow = ", ".join(error.allowed) if isinstance(error, MethodNotAllowedError) else ""
        except Exception:
            logger.exception("Bulk API 1.0 call failed: %s %s", request.method, request.url.path)
            refused = AsyncApiError("InternalServerError", "An unexpected error occurred", 500)
        body = {"exceptionCode": refused.code, "exceptionMessage": refused.message}
        response = answer("error", body, json=speaks_json(request), status=refused.status)
        if allow:
            response.headers["Allow"] = allow
        return response

    async def _served(request: Request) -> Response:
        session = sessions.use(_token(request))
        org.count_call(session.client_id)
        org.permissions.require_api(session.user_id)
        version = _version(str(request.path_params["version"]))
        handler = handlers.get(request.method)
        if handler is None:
            raise MethodNotAllowedError(request.method, sorted(handlers))
        return await handler(AsyncCall(org, bulk, request, version, session.user_id))

    vars(serve)["handlers"] = handlers  # for the page of what is covered
    return serve


def _version(text: str) -> float:
    """The version in the address; raises InvalidVersion (Bulk API 2.0 and Bulk API Developer Guide,
    "Bulk API Errors").
    """
    try:
        return checked_version(text)
    except SalesforceError:
        raise AsyncApiError("InvalidVersion", f"Invalid API version: {text}") from None


def _token(request: Request) -> str:
    """The session id's own header; `Authorization` is taken too."""
    own = request.headers.get("x-sfdc-session")
    return own.strip() if own else bearer_token(request.headers.get("authorization"))
