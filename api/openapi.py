"""OpenAPI metadata of a route: who may call it, and the errors that it can answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.middleware.auth import needs
from api.problems import MEDIA_TYPE, ProblemDetails
from schemas.security.access import CallerRole

ROLE = "x-tidegate-role"
"""The extension of OpenAPI that names a route's role; `anybody` for one that needs none."""
ALSO = "x-tidegate-also"
"""The extension that names other roles that may call it as well."""
_SCHEME = "bearer"
_DURATION = r"^-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$"
"""ISO 8601, as answers have it: `PT0.5S`, `P1DT2H`."""
_MEANS = {
    HTTPStatus.UNAUTHORIZED: "No token, or an unknown one.",
    HTTPStatus.FORBIDDEN: "The token's role does not suffice.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.CONFLICT: "It contradicts what was done before; the detail says what.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is wrong; `errors` names the fields.",
    HTTPStatus.TOO_MANY_REQUESTS: "Not now; `Retry-After` says when.",
    HTTPStatus.GONE: "It is kept here no more; the detail says where it is.",
    HTTPStatus.NOT_IMPLEMENTED: "The warehouse is Redshift, which cannot answer this; the detail says what to set.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something does not answer; the same request may be sent again.",
}
_HEADERS_TOO_LARGE = {
    "description": "The request's line or headers are too long. It is a text, since nothing was read of the request.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def documented(
    role: CallerRole,
    *errors: HTTPStatus,
    also: tuple[CallerRole, ...] = (),
    answers: Mapping[HTTPStatus, tuple[type, str]] | None = None,
    not_modified: bool = False,
) -> dict[str, Any]:
    """Arguments of a route's decorator. `errors` are those beside 401, 403, 422 and 503, which any
    route can answer.

    `also`: other roles that may call it; what they see is the route's to say. `answers`: good ones
    beside the usual one, each with its model and when it comes. `not_modified`: it answers 304 to
    `If-None-Match`.
    """
    good = {
        int(status): {"model": model, "description": when}
        for status, (model, when) in (answers or {}).items()
    }
    if not_modified:
        good[int(HTTPStatus.NOT_MODIFIED)] = {"description": "The answer is the one that you have."}
    others = {ALSO: [str(each) for each in also]} if also else {}
    return {
        "dependencies": [needs(role, *also)],
        "responses": good
        | {int(status): _problem(status) for status in sorted({*_ALWAYS, *errors})}
        | {int(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE): _HEADERS_TOO_LARGE},
        "openapi_extra": {ROLE: str(role), **others, "security": [{_SCHEME: []}]},
    }


def public() -> dict[str, Any]:
    """The same for a route that anybody may call."""
    return {"openapi_extra": {ROLE: "anybody", "security": []}}


def _problem(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {"description": _MEANS[status], "content": {MEDIA_TYPE: {"schema": schema}}}


def _describe_durations(node: Any) -> None:
    """`duration` of JSON Schema has no fractions of a second (RFC 3339, appendix A); ours have."""
    if isinstance(node, dict):
        if node.get("format") == "duration":
            del node["format"]
            node["pattern"] = _DURATION
        for each in node.values():
            _describe_durations(each)
    elif isinstance(node, list):
        for each in node:
            _describe_durations(each)


def describe(app: FastAPI) -> None:
    """Have the app's OpenAPI document know the one form of errors, and how callers show who they
    are.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            components = made.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs") | {"ProblemDetails": problem}
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            components["securitySchemes"] = {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token made by `tidegate api token`, or one signed by the configured issuer.",
                }
            }
            _describe_durations(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend it
