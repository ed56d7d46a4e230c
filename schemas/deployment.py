"""The engine's Worker Deployment, as Temporal has it."""

from typing import Final

from pydantic import AwareDatetime, Field

from schemas import names
from schemas.message import Message

QUEUES_OF_PINNED_RUNS: Final = (names.WORKFLOW_QUEUE, names.BATCH_QUEUE, names.WRITEBACK_QUEUE)
"""Task queues of the workflows that are pinned, and of their activities."""


class VersionStatus(Message):
    """One version: all workers of one build."""

    build_id: str
    state: str
    """current, ramping, draining, drained or inactive; inactive = it never took work."""
    began_at: AwareDatetime | None = None
    """When its first worker came."""
    pollers: dict[str, int] = Field(default={})
    """Task queue -> processes of it that asked for work within the last minute. A queue with none
    is left out.
    """
    pinned_runs: int = 0
    """Open runs that only its workers take."""


class DeploymentStatus(Message):
    """The deployment of one engine."""

    name: str
    current: str = ""
    """Build ID whose workers take the work. Empty = no version: workers without one take it."""
    ramping: str = ""
    """Build ID that takes a share of it. Empty = none."""
    ramp_percentage: float = 0.0
    versions: tuple[VersionStatus, ...] = ()
    """The newest first."""

    def version(self, build_id: str) -> VersionStatus | None:
        """The version of that build ID; None = Temporal knows none."""
        return next((each for each in self.versions if each.build_id == build_id), None)


class MovedRuns(Message):
    """Open runs that were taken from a version whose workers are gone."""

    build_id: str
    moved: int
