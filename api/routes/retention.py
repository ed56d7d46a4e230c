"""Runs of retention: sealed months are archived, and what has had its time is ended."""

from pydantic import ConfigDict

from api.dependencies import Dependencies
from api.runs.kinds import RunRequest, RunResource
from clients.temporal.run_kinds import RETENTION
from schemas.security.retention import RetentionInput


class RetentionRequest(RunRequest):
    """A run that does everything that is due."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the schedule was paused over the holidays"}]}
    )

    def derived_window(self) -> str:
        """As the command names it."""
        return RETENTION.usual_name

    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> RetentionInput:
        """The run of the engine's org."""
        return RetentionInput(org=parts.org, name=window, by=by, reason=self.reason)


RESOURCE = RunResource(
    kind=RETENTION,
    request=RetentionRequest,
    about="Archives sealed months under Object Lock, and ends what has had its time. Every deletion is on record.",
)
