"""No body is longer than agreed, all bodies together are bounded, and so is the number of JSON
values: a value of two bytes takes a hundred in memory.

A body is read whole before the application sees any of it, and only for a caller with a token.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import COME_AGAIN, ProblemError, invalid, response_of
from schemas.settings.api import ApiSettings

_MARKS = (b",", b"[", b"{")
"""Each begins a value, or ends one."""
_NUL = "\x00"
_NUL_IN_JSON = b"\\u0000"
_TAKES_NUL = "/v1/writebacks"
"""Their check refuses the one writeback that holds a NUL, and takes the others."""


class BodyLimit:
    """Refuses bodies that are too long, that hold too many values, or that come while too much is
    held.
    """

    def __init__(self, app: ASGIApp, settings: ApiSettings, most: int | None = None) -> None:
        """`most`: bytes of one body. None = as the settings say."""
        self._app = app
        self._most = settings.max_body_bytes if most is None else most
        self._most_held = max(settings.limits.bodies_bytes, settings.max_body_bytes)
        self._most_values = settings.limits.json_values
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = _Held()
        try:
            body = await self._body(scope, receive, held)
            if body is not None:
                await self._app(scope, _again(body, receive), send)
        except ProblemError as refusal:
            await response_of(refusal, scope["state"]["request_id"])(scope, receive, send)
        finally:
            self._held -= held.size

    async def _body(self, scope: Scope, receive: Receive, held: "_Held") -> bytes | None:
        """The whole body; None when the caller has gone meanwhile. What it takes is in `held`."""
        if _NUL in scope["path"] or b"%00" in scope["query_string"]:
            # No name of ours has one, and PostgreSQL takes none.
            raise invalid("path", "it holds a NUL; correct it")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._most:
            raise self._too_long()
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            held.size += len(part)
            self._held += len(part)
            if held.size > self._most:
                raise self._too_long()
            if self._held > self._most_held:
                raise _too_much()
            parts.append(part)
            if not message.get("more_body", False):
                break
        body = b"".join(parts)
        if _NUL_IN_JSON in body and not scope["path"].startswith(_TAKES_NUL):
            raise invalid("body", "a text of it holds a NUL; correct it")
        if sum(map(body.count, _MARKS)) > self._most_values:
            detail = f"The body has more than {self._most_values:,} values. Send it in parts, or put them into a file."
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many", detail)
        return body

    def _too_long(self) -> ProblemError:
        detail = f"The body is longer than {self._most:,} bytes. Send it in parts, or raise TIDEGATE_API__MAX_BODY_BYTES."
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)


class _Held:
    """Bytes of one request's body that are held."""

    size = 0


def _too_much() -> ProblemError:
    detail = "Too many large requests are under way. Send the same request again later."
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, retry_after=COME_AGAIN)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as the application receives it: once, then what else the connection brings."""
    is_given = False

    async def give() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give
