"""Error responses of the API: one form for every error (RFC 9457), which names the field and the
remedy.

Nothing that was sent comes back in it: what is wrong is named by its place, so no value, and no
PII, gets into an answer or a log.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as RoutingError

from clients.temporal.runs import RunExistsError
from schemas.errors import (
    CallRefusedError,
    CredentialsRejectedError,
    DataKeyMissingError,
    KeyUsedError,
    RateLimitedError,
    ReadCopyError,
    TidegateError,
    TransientError,
    UnavailableError,
    UnknownObjectError,
    WrongDataKeyError,
)

MEDIA_TYPE = "application/problem+json"
_MOST_NAMED = 3
_MOST_LISTED = 50
"""A list of ids can be wrong in every place."""
COME_AGAIN = timedelta(seconds=5)
"""When something does not answer."""


class FieldProblem(BaseModel):
    """An error in one field of a request."""

    field: str = Field(examples=["body.ids.3", "query.limit", "header.Idempotency-Key"])
    message: str


class ProblemDetails(BaseModel):
    """Every error of this API."""

    type: str = Field(examples=["urn:tidegate:problem:not-found"])
    """The error's type, for programs."""
    title: str
    status: int
    detail: str
    """The error, and the remedy."""
    request_id: str
    """Names the request in the log."""
    errors: list[FieldProblem] = []
    """The fields at fault; empty when it is not about fields."""


class ProblemError(HTTPException):
    """Ends a request with a problem.

    Args:
        status: The answer's status.
        kind: The last part of the problem's type, such as `not-found`.
        detail: What happened and what to do.
        errors: The fields at fault.
        retry_after: When it is worth trying again; None: not as it stands.
    """

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        headers = {} if retry_after is None else {"Retry-After": _seconds(retry_after)}
        if status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        super().__init__(status, detail, headers=headers)
        self.kind = kind
        self.errors = list(errors)


def not_found(what: str, where: str) -> ProblemError:
    """Nothing has that id; `where` lists those that there are."""
    detail = f"There is no such {what}. GET {where} lists those that there are."
    return ProblemError(HTTPStatus.NOT_FOUND, "not-found", detail)


def invalid(field: str, message: str, kind: str = "invalid-request") -> ProblemError:
    """One field of the request cannot be as it is."""
    errors = [FieldProblem(field=field, message=message)]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, kind, f"{field}: {message}", errors=errors)


def wrong_fields(found: Sequence[Mapping[str, Any]]) -> ProblemError:
    """Errors found by pydantic, by place; a value is never repeated."""
    errors = [
        FieldProblem(field=".".join(map(str, item["loc"])) or "body", message=_said(item)) for item in found
    ]
    listed = "; ".join(f"{each.field}: {each.message}" for each in errors[:_MOST_NAMED])
    more = f"; and {len(errors) - _MOST_NAMED} more" if len(errors) > _MOST_NAMED else ""
    detail = f"{listed}{more}. Correct it and send the request again; /v1/docs describes every field."
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=errors[:_MOST_LISTED]
    )


def problem_of(error: TidegateError) -> ProblemError:
    """An error of the engine, as HTTP says it."""
    if isinstance(error, RateLimitedError):
        return ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS, "rate-limited", str(error), retry_after=error.retry_after
        )
    if isinstance(error, ReadCopyError):
        return ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "read-copy-not-ready", str(error), retry_after=COME_AGAIN
        )
    if isinstance(error, TransientError):
        system = error.system if isinstance(error, UnavailableError) else "A part of Tidegate"
        detail = (
            f"{system} does not answer. Send the same request again later, with the same Idempotency-Key if it has one; "
            "/readyz shows what can be reached."
        )
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, retry_after=COME_AGAIN)
    if isinstance(error, UnknownObjectError):
        return invalid("object", str(error), "unknown-object")
    if isinstance(error, KeyUsedError | RunExistsError):
        kind = "key-used" if isinstance(error, KeyUsedError) else "run-exists"
        return ProblemError(HTTPStatus.CONFLICT, kind, str(error))
    if isinstance(error, CredentialsRejectedError | CallRefusedError):
        return ProblemError(HTTPStatus.BAD_GATEWAY, "refused-by-remote", str(error))
    if isinstance(error, DataKeyMissingError | WrongDataKeyError):
        detail = (
            "Tidegate cannot encrypt or read values now: a data key of the org is missing or is another one. "
            "An operator finds out more with `tidegate doctor`."
        )
        return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)
    return unexpected()


def unexpected() -> ProblemError:
    """A fault of ours, of which only the log says more."""
    detail = (
        "Tidegate failed at this request. The log says more under the request id; report it with that id."
    )
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)


def response_of(error: ProblemError, request_id: str) -> JSONResponse:
    """The answer that carries the problem."""
    problem = ProblemDetails(
        type=f"urn:tidegate:problem:{error.kind}",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=error.detail,
        request_id=request_id,
        errors=error.errors,
    )
    return JSONResponse(problem.model_dump(), error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


def handle_problems(app: FastAPI) -> None:
    """Have every error of a route, of the framework and of the engine answered in the one form."""

    async def on_problem(request: Request, error: ProblemError) -> JSONResponse:
        return response_of(error, request.state.request_id)

    async def on_routing_error(request: Request, error: RoutingError) -> JSONResponse:
        return response_of(_of_routing(error), request.state.request_id)

    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return response_of(wrong_fields(error.errors()), request.state.request_id)

    async def on_ours(request: Request, error: TidegateError) -> JSONResponse:
        problem = problem_of(error)
        request.state.error = error if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else None
        return response_of(problem, request.state.request_id)

    async def on_fault(request: Request, _: Exception) -> JSONResponse:
        return response_of(unexpected(), request.state.request_id)

    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(ProblemError, on_problem)  # type: ignore[arg-type]  # Starlette's types know Exception only
    app.add_exception_handler(RoutingError, on_routing_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(TidegateError, on_ours)  # type: ignore[arg-type]


def _of_routing(error: RoutingError) -> ProblemError:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # Starlette's word for bytes that are no text
        return invalid("body", "it is not JSON in UTF-8")
    kind = status.phrase.lower().replace(" ", "-")
    problem = ProblemError(status, kind, f"{status.phrase}. /v1/openapi.json lists every path and method.")
    problem.headers = dict(error.headers or {})
    return problem


def _said(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return "this is where the body stops being JSON"
    return str(item["msg"]).removeprefix("Value error, ")


def _seconds(wait: timedelta) -> str:
    return str(max(1, math.ceil(wait.total_seconds())))
