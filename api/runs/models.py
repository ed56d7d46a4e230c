"""Responses about runs."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from clients.temporal.run_kinds import RunAct
from clients.temporal.run_views import RunDescription
from schemas.message import Message
from schemas.security.reason import GivenReason

S = TypeVar("S", bound=Message)
Status = Literal["running", "completed", "failed", "cancelled", "terminated", "timed_out"]


class RunStarted(BaseModel):
    """A run that was asked for, now or by the same request before."""

    id: str = Field(examples=["Case~2026-11-01..2026-11-08"])
    workflow_id: str = Field(examples=["backfill/00D000000000001AAA/Case/2026-11-01..2026-11-08"])
    run_id: str
    """Temporal's own id of the workflow's run."""
    state_url: str = Field(examples=["/v1/backfills/Case~2026-11-01..2026-11-08"])
    web_ui: str | None
    """Where Temporal's Web UI shows it; null when none is configured."""
    is_new: bool
    """False when it was there before: nothing was started."""


class RunListed(BaseModel):
    """A run in a list."""

    id: str
    workflow_id: str
    run_id: str
    status: Status
    """Temporal's; a run that was ended by `cancel` is `completed`, its stage `cancelled`."""
    stage: str
    """The run's own word for where it is; empty before its first."""
    began_at: datetime
    ended_at: datetime | None
    state_url: str
    web_ui: str | None


class RunView(RunListed, Generic[S]):
    """A run, whole."""

    state: S | None
    """The state as the run reports it, or its result when it has ended; null when there is none,
    and then `trouble` says why.
    """
    trouble: str
    """The reason of the failure, or of the silence; empty otherwise."""


class RunPage(BaseModel):
    """Runs, the newest first."""

    runs: list[RunListed]
    next_page: str | None
    """Give it back as `page`; null after the last."""


class Steered(BaseModel):
    """An act that was passed on. It is on record; `state_url` shows when it has taken effect."""

    act: RunAct
    by: str
    workflow_id: str
    state_url: str


class Reason(BaseModel):
    """Why."""

    reason: GivenReason = Field(
        description="Goes on record. No personal data.",
        examples=["release tonight"],
    )


def status_of(found: RunDescription) -> Status:
    """Temporal's word; a link of a chain that went on is not shown anywhere, so it is never asked
    for.
    """
    known: dict[str, Status] = {
        "running": "running",
        "completed": "completed",
        "failed": "failed",
        "cancelled": "cancelled",
        "terminated": "terminated",
        "timed_out": "timed_out",
    }
    return known.get(found.status, "running")
