"""Shared by every REST call: the caller, the version, the cost, and the form of a refusal.

Handlers get a `Call` and return a response or raise `SalesforceError`; everything that is the
same for all of them happens here and only here: the session, the version, the count against the
quota, `Sforce-Limit-Info` on every answer, errors as a JSON array.
"""

import logging
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.auth.sessions import authenticate
from sandbox.org.errors import MethodNotAllowedError, SalesforceError
from sandbox.org.negotiation import accepted_types, is_json, is_xml
from sandbox.org.rest.versions import NEWEST_VERSION, checked_version
from sandbox.org.schema.exact import dumps, loads
from sandbox.org.schema.jackson import parse_problem
from sandbox.org.state.dml import Outcome, Write
from sandbox.org.state.org import Org
from schemas.salesforce.limits import URI_MAX_BYTES

if TYPE_CHECKING:
    from sandbox.org.rest.service import RestService

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

JSON = "application/json;charset=UTF-8"
GZIP_LEVEL = 1
"""The fastest: the wire is a loopback device here, and a page of a query is megabytes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated REST call."""

    service: "RestService"
    request: Request
    version: float
    """67.0."""
    user_id: str
    """Who calls; what is written is written in this user's name."""
    client_id: str
    """The connected app that the caller came by."""
    in_transaction: bool = False
    """True inside an all-or-none composite: it must neither wait nor read beside the writer, who
    alone sees its rows.
    """

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Read beside the event loop; inside a transaction, through the writer's connection."""
        if self.in_transaction:
            return work(self.org.store.connection)
        return await self.service.readers.run(work)

    async def apply(self, rows: Sequence[Write], *, all_or_none: bool) -> list[Outcome]:
        """Write rows in the caller's name, as one Salesforce transaction."""
        dml = self.service.dml
        if self.in_transaction:
            return dml.write(rows, user=self.user_id, origin=self.origin, all_or_none=all_or_none)
        return await dml.apply(rows, user=self.user_id, origin=self.origin, all_or_none=all_or_none)

    @property
    def org(self) -> Org:
        return self.service.org

    @property
    def base(self) -> str:
        """`/services/data/v67.0`, as every address in an answer begins."""
        return f"/services/data/v{self.version:.1f}"

    @property
    def origin(self) -> str:
        """`changeOrigin` of what this call writes (Change Data Capture Developer Guide, "Change
        Event Header Fields").
        """
        option = _option(self.request.headers.get("sforce-call-options", ""), "client")
        client = f";client={option}" if option else ""
        return f"com/salesforce/api/rest/{self.version:.1f}{client}"

    def path(self, name: str) -> str:
        """A part of the path, by its name in the route."""
        return str(self.request.path_params[name])

    async def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; raises JSON_PARSER_ERROR for anything else, 415 for a body
        that says that it is no JSON (REST API Developer Guide, "Status Codes and Error
        Responses").
        """
        content_type = self.request.headers.get("content-type", "")
        if not is_json(content_type):
            given = f"Content-Type header specified in HTTP request is not supported: {content_type}"
            message = "XML bodies are not built in this sandbox; send application/json"
            raise SalesforceError("UNSUPPORTED_MEDIA_TYPE", message if is_xml(content_type) else given, 415)
        sent = await self.request.body()
        try:
            body = loads(sent)
        except orjson.JSONDecodeError:
            raise SalesforceError("JSON_PARSER_ERROR", parse_problem(sent)) from None
        if not isinstance(body, dict):
            raise SalesforceError(
                "JSON_PARSER_ERROR", "Can not deserialize SObject out of a value that is no object"
            )
        return body


Handler = Callable[[Call], Awaitable[Response]]


def _option(header: str, name: str) -> str:
    """`x` of the header `client=x, defaultNamespace=ns`."""
    pairs = (part.partition("=") for part in header.split(","))
    return next((value.strip() for key, _, value in pairs if key.strip().lower() == name), "")


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumps(body), status, headers=headers, media_type=JSON)


def error_response(error: SalesforceError) -> Response:
    """The JSON array that every client expects; `fields` belongs to errors about fields."""
    entry: dict[str, object] = {"message": error.message, "errorCode": error.code}
    if error.fields:
        entry["fields"] = error.fields
    allow = {"Allow": ", ".join(error.allowed)} if isinstance(error, MethodNotAllowedError) else {}
    return json_response([entry], error.status, allow)


def endpoint(
    service: "RestService", handlers: Mapping[str, Handler]
) -> Callable[[Request], Awaitable[Response]]:
    """An ASGI endpoint that serves each HTTP method by its handler.

    HEAD falls back to GET without its body. `POST …?_HttpMethod=PATCH` is taken as PATCH, for
    clients that cannot send it.
    """

    async def serve(request: Request) -> Response:
        try:
            call = _accept(service, request)
            response = await handler_of(handlers, request)(call)
        except SalesforceError as error:
            response = error_response(error)
        except Exception as error:
            response = error_response(unexpected(request, error))
        response.headers["Sforce-Limit-Info"] = service.org.limit_info
        return response

    vars(serve)["handlers"] = handlers  # for the page of what is covered
    return serve


def unexpected(request: Request, error: Exception) -> SalesforceError:
    """A fault of the sandbox itself, told as Salesforce tells its own; the ErrorId finds it in the
    log.
    """
    error_id = secrets.token_hex(4)
    place = f"{request.method} {request.url.path}"
    logger.error("REST call failed, ErrorId %s: %s", error_id, place, exc_info=error)
    message = f"An unexpected error occurred. Please include this ErrorId if you contact support: {error_id}"
    return SalesforceError("UNKNOWN_EXCEPTION", message, 500)


def _accept(service: "RestService", request: Request) -> Call:
    """Let a call in. What comes before the count is free: a call that is too long or has no session
    never reaches the API.
    """
    _check_length(request)
    session = authenticate(request)
    service.org.count_call(session.client_id)
    service.org.permissions.require_api(session.user_id)
    _check_accept(request)
    return Call(
        service.as_user(session.user_id),
        request,
        _version(request),
        session.user_id,
        session.client_id,
    )


def _version(request: Request) -> float:
    """The version in the address; the newest where the address has none, as Apex REST's."""
    if request.url.path.startswith("/services/data/"):
        return checked_version(request.path_params.get("version", ""))
    return float(NEWEST_VERSION)


def _check_accept(request: Request) -> None:
    """Answers are JSON only; a caller that accepts only XML gets an error that says so."""
    accepted = accepted_types(request.headers.get("accept", ""))
    if accepted and all(each.endswith("/xml") for each in accepted):
        message = "XML answers are not built in this sandbox; accept application/json"
        raise SalesforceError("NOT_ACCEPTABLE", message, 406)


def _check_length(request: Request) -> None:
    """URI and headers share 16,384 bytes (Salesforce Developer Limits, "API Requests"); the codes
    are our guess.
    """
    uri = len(request.scope["raw_path"]) + len(request.scope["query_string"])
    if uri > URI_MAX_BYTES:
        raise SalesforceError("URI_TOO_LONG", "URI too long", 414)
    if uri + sum(len(name) + len(value) for name, value in request.headers.raw) > URI_MAX_BYTES:
        raise SalesforceError("HEADERS_TOO_LONG", "Request Header Fields Too Large", 431)


def handler_of(handlers: Mapping[str, Handler], request: Request) -> Handler:
    """The handler of the request's method; raises METHOD_NOT_ALLOWED."""
    method = (
        request.query_params.get("_HttpMethod", request.method).upper()
        if request.method == "POST"
        else request.method
    )
    handler = handlers.get(method) or (handlers.get("GET") if method == "HEAD" else None)
    if handler is None:
        head = {"HEAD"} if "GET" in handlers else set()
        raise MethodNotAllowedError(method, sorted(handlers.keys() | head))
    return handler
