"""The engine's status: problems, remotes, roles, lanes and freshness. Costs no call to
Salesforce.
"""

from fastapi import APIRouter

from api.dependencies import Parts
from api.openapi import documented
from schemas.security.access import CallerRole
from schemas.status import EngineStatus

router = APIRouter(prefix="/v1/status", tags=["status"])


@router.get(
    "",
    summary="What the engine does, and what somebody has to do; not older than ten seconds",
    **documented(CallerRole.READER),
)
async def status(parts: Parts) -> EngineStatus:
    return (await parts.look.recent()).status
