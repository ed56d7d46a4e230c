"""Requests at once: of one caller, and of all callers together."""

from collections import Counter
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import COME_AGAIN, ProblemError, response_of
from schemas.settings.api_limits import ApiLimits


class Busy:
    """Refuses a request while its caller, or all callers, have as many under way as they may."""

    def __init__(self, app: ASGIApp, limits: ApiLimits) -> None:
        self._app = app
        self._limits = limits
        self._by_caller: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope["state"].get("caller") if scope["type"] == "http" else None
        if caller is None:
            await self._app(scope, receive, send)
            return
        if (refusal := self._refusal(caller.name)) is not None:
            await response_of(refusal, scope["state"]["request_id"])(scope, receive, send)
            return
        self._by_caller[caller.name] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._by_caller[caller.name] -= 1
            if not self._by_caller[caller.name]:
                del self._by_caller[caller.name]

    def _refusal(self, name: str) -> ProblemError | None:
        if self._by_caller[name] >= self._limits.requests_of_caller:
            detail = f"{name} has {self._limits.requests_of_caller} requests under way. Wait for one of them, then send this again."
            return ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, retry_after=COME_AGAIN
            )
        if self._by_caller.total() >= self._limits.requests:
            detail = "Too many requests are under way. Send the same request again later."
            return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, retry_after=COME_AGAIN)
        return None
