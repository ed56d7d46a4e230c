"""`/sandbox/quota`: the daily API quota, read and set, so that a test can play the other teams who spend it.

Part of the control plane: no token, no API call, loopback only.
"""

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.org.meters import RollingCount
from sandbox.org.rest.call import json_response


class QuotaChange(BaseModel):
    """The body of `POST /sandbox/quota`; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    maximum: int | None = Field(default=None, ge=0)
    """Calls a rolling 24 h."""
    used: int | None = Field(default=None, ge=0)
    """Calls counted so far, whoever made them."""


def quota_route(usage: RollingCount) -> Route:
    """GET and POST answer `{"maximum": …, "used": …}`."""

    async def quota(request: Request) -> Response:
        if request.method == "POST":
            try:
                change = QuotaChange.model_validate_json(await request.body())
            except ValidationError as error:
                return json_response({"error": str(error)}, 400)
            if change.maximum is not None:
                usage.maximum = change.maximum
            if change.used is not None:
                usage.set_used(change.used)
        return json_response({"maximum": usage.maximum, "used": usage.used})

    return Route("/sandbox/quota", quota, methods=["GET", "POST"])
