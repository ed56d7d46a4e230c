"""The outermost layer: every request has an id and a line in the log, and whatever fails inside is
answered.
"""

import logging
import re
import time
import traceback
import uuid
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.metrics import observe_request
from api.problems import response_of, unexpected

_LOG = logging.getLogger(__name__)
_HEADER = "X-Request-Id"
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Takes the caller's `X-Request-Id` or makes one up, and sends it back.

    The log's line has the method, the path without its query, the status, the caller's name and
    the time taken; never a header, a parameter or a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(_HEADER, "")
        request_id = given if _USABLE.fullmatch(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0
        began = time.monotonic()

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        except Exception as error:
            state["error"] = error
            if not status:
                await response_of(unexpected(), request_id)(scope, receive, with_id)
        observe_request(scope, status, time.monotonic() - began)
        caller = state.get("caller")
        _LOG.info(
            "%s %s %s by %s in %.0f ms, request %s",
            scope["method"],
            quote(scope["path"]),  # as it came, so that no line break gets into the log
            status,
            "nobody" if caller is None else caller.name,
            (time.monotonic() - began) * 1_000,
            request_id,
        )
        if (failure := state.get("error")) is not None:
            # Where and what kind; a message may quote a value.
            where = "".join(traceback.format_tb(failure.__traceback__))
            _LOG.error("request %s failed with %s\n%s", request_id, type(failure).__name__, where)
