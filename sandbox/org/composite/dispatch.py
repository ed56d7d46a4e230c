"""Subrequests reach the same handlers as ordinary calls, by the same addresses.

Inside a transaction a handler is driven to its end without a pause, because whatever else ran
meanwhile would write into the same transaction; a handler that would have to wait for another
writer gets what Salesforce says of a lock that is not to be had.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.rest.call import Call, Handler, error_response, handler_of, unexpected
from sandbox.org.rest.versions import checked_version
from sandbox.org.schema.exact import dumps, loads

_ROOT = "/services/data/"
_INHERITED = ("host", "sforce-call-options", "sforce-query-options")
_CLOSED = ("/composite/batch", "/composite/graph", "/composite/tree", "/jobs")
"""Paths that may not be called from inside a composite request (REST API Developer Guide,
"Composite").
"""


@dataclass(frozen=True, slots=True)
class Subrequest:
    """One call inside another."""

    method: str
    url: str
    body: object = None
    """JSON; None for no body."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subresponse:
    status: int
    body: Any
    """None when there is none."""
    headers: Mapping[str, str]

    @property
    def failed(self) -> bool:
        """True for errors and for an upsert that has several matches; "not modified" is no
        failure.
        """
        return self.status >= 400 or self.status == 300

    @classmethod
    def refusal(cls, error: SalesforceError) -> "Subresponse":
        return _subresponse(error_response(error))


async def perform(call: Call, sub: Subrequest) -> Subresponse:
    """Run a subrequest as a call of its own that is not counted. It never raises: an error is its
    response.
    """
    return await _run(call, sub, in_transaction=False)


def perform_at_once(call: Call, sub: Subrequest) -> Subresponse:
    """Run a subrequest within the transaction that is open."""
    steps = _run(call, sub, in_transaction=True)
    return _without_a_pause(steps)


def resource(url: str) -> str:
    """The path below the version in small letters, for counting what a composite may hold only so
    many of.
    """
    _, _, rest = urlsplit(url).path.removeprefix(_ROOT).partition("/")
    return f"/{rest.lower()}"


def _without_a_pause(steps: Coroutine[Any, Any, Subresponse]) -> Subresponse:
    try:
        steps.send(None)
    except StopIteration as end:
        found: Subresponse = end.value
        return found
    steps.close()
    message = "unable to obtain exclusive access to this record"
    return Subresponse.refusal(SalesforceError("UNABLE_TO_LOCK_ROW", message))


async def _run(call: Call, sub: Subrequest, *, in_transaction: bool) -> Subresponse:
    request = _request(call, sub)
    try:
        handler, version = _found(call, request)
        inner = Call(call.service, request, version, call.user_id, call.client_id, in_transaction)
        return _subresponse(await handler(inner))
    except SalesforceError as error:
        return Subresponse.refusal(error)
    except Exception as error:
        return Subresponse.refusal(unexpected(request, error))


def _found(call: Call, request: Request) -> tuple[Handler, float]:
    """Handler and version of a subrequest; its path's parts are put into the request."""
    # Not `url.path`, in which a question mark that belongs to an external id is quoted again.
    version, _, rest = request.scope["path"].removeprefix(_ROOT).partition("/")
    path = "/" + rest.rstrip("/")
    if path.lower() == "/composite" or path.lower().startswith(_CLOSED):
        raise SalesforceError(
            "INVALID_INPUT", f"The resource is not supported in a composite request: {path}"
        )
    for pattern, handlers in call.service.addresses:
        if (match := pattern.match(path)) is not None:
            request.scope["path_params"] = match.groupdict()
            return handler_of(handlers, request), checked_version(version.removeprefix("v"))
    raise not_found()


def _request(call: Call, sub: Subrequest) -> Request:
    parts = urlsplit(sub.url)
    headers = {name: call.request.headers[name] for name in _INHERITED if name in call.request.headers}
    headers |= {name.lower(): value for name, value in sub.headers.items()}
    scope = {
        "type": "http",
        "method": sub.method.upper(),
        "scheme": call.request.url.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "app": call.request.app,
        "path_params": {},
    }
    content = b"" if sub.body is None else dumps(sub.body)

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request(scope, receive)


def _subresponse(response: Response) -> Subresponse:
    content = bytes(response.body)
    body = loads(content) if content else None
    headers = {
        shown: response.headers[shown]
        for shown in ("Location", "ETag", "Last-Modified")
        if shown in response.headers
    }
    return Subresponse(response.status_code, body, headers)
