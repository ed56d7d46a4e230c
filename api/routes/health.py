"""Liveness and readiness of the process."""

import logging
from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.dependencies import Parts
from api.openapi import public
from schemas.status import Health

_LOG = logging.getLogger(__name__)
_NOT_OLDER = timedelta(seconds=5)
_PARTS = {
    "temporal": "temporal",
    "warehouse": "warehouse",
    "operational": "operational_store",
    "s3": "s3",
    "kms": "kms",
}
"""Remote of a look -> its name in the answer. The API calls no Salesforce."""
router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """It lives."""

    alive: bool = True


class Readiness(BaseModel):
    """True when every remote part can be reached."""

    ready: bool
    parts: dict[str, bool]
    """Part -> whether it answered within two seconds, at most five seconds ago. The log says why
    one did not.
    """


@router.get("/healthz", summary="Whether the process lives; asks nobody", **public())
async def healthz() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Whether Temporal, the warehouse, the operational store, S3 and KMS can be reached; 503 when one cannot",
    responses={503: {"model": Readiness, "description": "Something cannot be reached; `parts` says what."}},
    **public(),
)
async def readyz(parts: Parts, response: Response) -> Readiness:
    remotes = {each.name: each for each in (await parts.look.recent(_NOT_OLDER)).status.remotes}
    found = {part: remotes[name].health is Health.UP for name, part in _PARTS.items()}
    for name, part in _PARTS.items():
        if not found[part]:
            _LOG.warning("%s cannot be reached: %s", part, remotes[name].detail)
    if not all(found.values()):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(ready=all(found.values()), parts=found)
