"""Leases for other teams: an integration asks for its calls before it makes them, as a guest."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.dependencies import CalledBy, Parts
from api.openapi import documented
from clients.temporal.governor import TemporalGovernor
from clients.temporal.run_views import translated_temporal
from schemas.governor import GUEST_PREFIX, Budget, Exchange, LeaseAnswer, LeaseClass, LeaseLine
from schemas.security.access import CallerRole

_MOST = 10**9
router = APIRouter(prefix="/v1/leases", tags=["leases"])
Tokens = Annotated[int, Field(ge=0, le=_MOST)]


class GuestLine(BaseModel):
    """One budget, as its process sees it; the numbers count from the process's beginning."""

    model_config = ConfigDict(extra="forbid")

    budget: Budget
    granted: Tokens = Field(default=0, description="As the last answer had it; 0 at first.")
    spent: Tokens = Field(
        default=0, description="All that was spent so far; of a concurrency budget, what was let go."
    )
    returned: Tokens = Field(default=0, description="All that was given back unspent so far.")
    want: Tokens = Field(description="How many tokens it would like to hold unspent now; 0 to hold none.")

    @model_validator(mode="after")
    def _no_more_than_was_granted(self) -> Self:
        if self.spent + self.returned > self.granted:
            raise ValueError(
                "`spent` and `returned` together are more than `granted`; say `granted` as it was answered"
            )
        return self


def _once(lines: Sequence[GuestLine]) -> Sequence[GuestLine]:
    if len({line.budget for line in lines}) < len(lines):
        raise ValueError("a budget is named twice; give one line a budget")
    return lines


class GuestExchange(BaseModel):
    """Tokens spent by a process of another team, and the number it would like to hold."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "process": "billing-7f3a",
                    "lines": [{"budget": "api_calls", "granted": 50, "spent": 20, "want": 50}],
                }
            ]
        },
    )

    process: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Names the process for as long as it lives; made up again at each start.",
    )
    lines: Annotated[list[GuestLine], Field(min_length=1, max_length=len(Budget)), AfterValidator(_once)]


@router.post(
    "",
    summary="Tell what was spent, and lease tokens for the next calls",
    description="Numbers only grow, so an exchange may be repeated. Of each line the answer's `granted` minus what was spent and "
    "returned may be spent within `lease_life`, counted from when the request was *sent*; ask again before that is over, one "
    "exchange a process at a time. While `paused_for` is not zero nobody may call.",
    **documented(CallerRole.GUEST, HTTPStatus.TOO_MANY_REQUESTS),
)
async def exchange(body: GuestExchange, parts: Parts, caller: CalledBy) -> LeaseAnswer:
    lines = tuple(LeaseLine(lease_class=LeaseClass.GUEST, **line.model_dump()) for line in body.lines)
    governor = TemporalGovernor(parts.client, parts.org, parts.settings.budgets)
    # The caller's name keeps guests out of each other's leases, and out of the engine's.
    message = Exchange(process=f"{GUEST_PREFIX}{caller.name}:{body.process}", lines=lines)
    async with parts.exchanges:
        with translated_temporal():
            return await governor.exchange(message)
