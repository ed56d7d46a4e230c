"""read_limits: what the org says of its budgets, for the governor."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from clients.dependencies import OrgClients
from clients.governor.prepaid import PrepaidTokens
from clients.salesforce.http import OrgHttp, Sessions
from clients.salesforce.limits import read_limits
from schemas import names
from schemas.errors import RateLimitedError
from schemas.governor import LeaseClass, Reading, ReadLimitsInput, ReadLimitsResult


@dataclass
class Limits:
    """The activity and what it needs; one for a process."""

    sessions: Sessions
    api_version: str

    @activity.defn(name=names.READ_LIMITS)
    async def read_limits(self, request: ReadLimitsInput) -> ReadLimitsResult:
        """Ask the Limits API once. A refusal is an answer, too: the governor must hear of it."""
        tokens = PrepaidTokens(request.calls)
        readings: tuple[Reading, ...] = ()
        async with OrgHttp(self.sessions, tokens, api_version=self.api_version) as org:
            try:
                readings = await read_limits(org, LeaseClass.WRITEBACK)
            except RateLimitedError:
                if not tokens.refusals:
                    raise
        return ReadLimitsResult(
            readings=(*readings, *tokens.readings), refusals=tuple(tokens.refusals), at=datetime.now(UTC)
        )


def activities(org: OrgClients) -> list[Callable[..., Any]]:
    """For `names.ORG_QUEUE`."""
    return [Limits(org.sessions, org.http.api_version).read_limits]
