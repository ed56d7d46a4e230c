"""The control plane's refusals: a plain sentence as JSON."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class ControlError(Exception):
    """A request to the control plane makes no sense; `status` is its HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.message = message
        self.status = status
        super().__init__(message)


def answering_errors(handler: "Handler") -> "Handler":
    """Turn a `ControlError` (or a body that is not JSON) into its answer."""

    @wraps(handler)
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except ControlError as error:
            return JSONResponse({"error": error.message}, error.status)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return answered
