"""`/cometd/{version}`: one POST carries one or several messages; the answer is always an array.

Written against ASGI itself, because a held connect must notice when its caller goes away.
"""

import re
from typing import Any

import orjson
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from sandbox.org.auth.sessions import Sessions
from sandbox.org.cometd import errors
from sandbox.org.cometd.clients import Clients
from sandbox.org.cometd.handlers import Caller, CallerGoneError, Handlers
from sandbox.org.state.org import Org
from schemas.salesforce.limits import API_VERSION, COMETD_MAX_REQUEST_BYTES

_PATH = re.compile(r"/cometd(?:/(?P<version>\d+)\.\d)?/?(?:handshake|connect|disconnect)?/?")
_OLDEST_VERSION = 37
_NEWEST_VERSION = int(float(API_VERSION))


def routes(org: Org, sessions: Sessions, clients: Clients) -> list[BaseRoute]:
    """CometD of `org`, also at the address without a version, which it refuses in words of its
    own.
    """
    app = CometdApp(Handlers(org, sessions, clients))
    return [Mount("/cometd", app=app), Route("/cometd", app)]


class CometdApp:
    """The ASGI application behind `/cometd`."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def described(self) -> list[tuple[str, object]]:
        """Each meta channel with its handler, for the page of what is covered."""
        return self._handlers.described()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = _path_error(scope["path"])
        body = await _body(receive)
        if body is None:
            refusal = errors.TOO_LARGE
        messages = _messages(body or b"")
        if refusal is not None:
            await _send(send, int(refusal[:3]), _refusals(messages or [{}], refusal))
        elif messages is None or scope["method"] != "POST":
            await _send(send, 400, b'[{"error":"400::Malformed JSON","successful":false}]')
        else:
            await self._answer(scope, receive, send, messages)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, messages: list[dict[str, Any]]
    ) -> None:
        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        caller = Caller(authorization.decode("latin-1") if authorization else None, gone, len(messages) == 1)
        try:
            answers = [await self._handlers.answer(message, caller) for message in messages]
        except CallerGoneError:
            return
        cookie = None
        if any(message.get("channel") == "/meta/handshake" for message in messages):
            cookie = b"BAYEUX_BROWSER=sandbox; Path=/cometd/; HttpOnly"
        await _send(send, 200, b"".join((b"[", b",".join(answers), b"]")), cookie)


def _path_error(path: str) -> str | None:
    found = _PATH.fullmatch(path)
    version = found and found["version"]
    if not version:
        return errors.NO_VERSION
    is_served = _OLDEST_VERSION <= int(version) <= _NEWEST_VERSION
    return None if is_served else errors.OLD_VERSION


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None when it is larger than Salesforce takes."""
    body = b""
    too_large = False
    while True:
        part = await receive()
        if not too_large:
            body += part.get("body", b"")
            too_large = len(body) > COMETD_MAX_REQUEST_BYTES
        if not part.get("more_body"):
            return None if too_large else body


def _messages(body: bytes) -> list[dict[str, Any]] | None:
    try:
        parsed = orjson.loads(body)
    except ValueError:
        return None
    messages = parsed if isinstance(parsed, list) else [parsed]
    return messages if messages and all(isinstance(message, dict) for message in messages) else None


def _refusals(messages: list[dict[str, Any]], error: str) -> bytes:
    return orjson.dumps(
        [
            {
                "channel": m.get("channel"),
                "id": m.get("id"),
                "error": error,
                "successful": False,
                "advice": {"reconnect": "none"},
            }
            for m in messages
        ]
    )


async def _send(send: Send, status: int, body: bytes, cookie: bytes | None = None) -> None:
    headers = [(b"content-type", b"application/json;charset=UTF-8"), (b"content-length", b"%d" % len(body))]
    headers.append((b"cache-control", b"no-cache, no-store"))
    if cookie is not None:
        headers.append((b"set-cookie", cookie))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
