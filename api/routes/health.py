"""Liveness and readiness of the process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.dependencies import Dependencies, Parts
from api.openapi import public

_LOG = logging.getLogger(__name__)
_PATIENCE = timedelta(seconds=3)
router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """It lives."""

    alive: bool = True


class Readiness(BaseModel):
    """True when every remote part can be reached."""

    ready: bool
    parts: dict[str, bool]
    """Part -> whether it answered within three seconds. The log says why one did not."""


@router.get("/healthz", summary="Whether the process lives; asks nobody", **public())
async def healthz() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Whether Temporal, the warehouse, the operational store and S3 can be reached; 503 when one cannot",
    responses={503: {"model": Readiness, "description": "Something cannot be reached; `parts` says what."}},
    **public(),
)
async def readyz(parts: Parts, response: Response) -> Readiness:
    found = dict(
        zip(_CHECKS, await asyncio.gather(*(_is_there(name, parts) for name in _CHECKS)), strict=True)
    )
    if not all(found.values()):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(ready=all(found.values()), parts=found)


async def _is_there(name: str, parts: Dependencies) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            await _CHECKS[name](parts)
    except Exception as error:
        _LOG.warning("%s cannot be reached: %s", name, error)
        return False
    return True


async def _temporal(parts: Dependencies) -> None:
    await parts.client.service_client.check_health(timeout=_PATIENCE)


async def _warehouse(parts: Dependencies) -> None:
    def ask() -> None:
        with parts.warehouse.transaction() as transaction:
            transaction.fetch("SELECT 1")

    await asyncio.to_thread(ask)


async def _operational(parts: Dependencies) -> None:
    await asyncio.to_thread(parts.keys.check)


async def _s3(parts: Dependencies) -> None:
    await asyncio.to_thread(lambda: next(parts.store.keys("readyz/"), None))


_CHECKS: dict[str, Callable[[Dependencies], Awaitable[None]]] = {
    "temporal": _temporal,
    "warehouse": _warehouse,
    "operational_store": _operational,
    "s3": _s3,
}
