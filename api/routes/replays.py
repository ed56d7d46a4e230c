"""Replays: landed batches once more through the present code, into the tables or a shadow;
quarantine re-driven.
"""

from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.dependencies import Dependencies
from api.runs.kinds import RunRequest, RunResource
from clients.temporal.run_kinds import REPLAY
from schemas.replay import (
    KEY_PATTERN,
    POSITION_PATTERN,
    SHADOW_PATTERN,
    QuarantineChoice,
    ReplayInput,
    ReplaySelection,
)
from schemas.run_names import replay_name


class QuarantineRows(BaseModel):
    """Rows of quarantine whose batches are replayed; what is left out takes any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str | None = Field(default=None, max_length=64, examples=["unknown_field"])
    batch: str | None = Field(default=None, max_length=255)


class ReplayRequest(RunRequest):
    """Selection of landed batches, and of their changes. Every change of every lane is `all`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"lane": "changes", "since": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z"},
                {
                    "object": "Case",
                    "quarantine": {"reason": "unknown_field"},
                    "reason": "the field is in the catalogue",
                },
                {"object": "Case", "shadow": "rehearsal"},
            ]
        }
    )

    window: str | None = Field(
        default=None,
        pattern=KEY_PATTERN,
        description="Names the replay: the same name is the same replay. Left out, it is derived from what is asked, and from the "
        "Idempotency-Key when there is one.",
    )
    lane: str | None = Field(default=None, max_length=120, description="Left out: every lane.")
    object: str | None = Field(default=None, max_length=80, description="Left out: every object.")
    record: str | None = Field(
        default=None, pattern=r"^[0-9A-Za-z]{18}$", description="One record, folded again; needs `object`."
    )
    from_position: str | None = Field(
        default=None, pattern=POSITION_PATTERN, description="Only what comes after this position of the lane."
    )
    to_position: str | None = Field(
        default=None, pattern=POSITION_PATTERN, description="Only batches that begin before this position."
    )
    since: AwareDatetime | None = Field(default=None, description="Only batches landed from here on.")
    until: AwareDatetime | None = Field(default=None, description="Only batches landed before.")
    quarantine: QuarantineRows | None = Field(
        default=None, description="Only batches that quarantine holds such changes of."
    )
    shadow: str | None = Field(
        default=None,
        pattern=SHADOW_PATTERN,
        description="Into tables of their own, to be compared; left out: into the tables themselves.",
    )
    all: bool = Field(default=False, description="True: every landed batch. Not together with a choice.")
    parallel: int = Field(default=2, ge=1, le=16, description="Groups of batches under way at once.")

    @model_validator(mode="after")
    def _all_is_no_choice(self) -> Self:
        if self.all and self._chosen:
            raise ValueError("give either `all` or a part of the selection, not both")
        return self

    @property
    def _chosen(self) -> bool:
        parts = (self.lane, self.object, self.record, self.from_position, self.to_position)
        return any(each is not None for each in (*parts, self.since, self.until, self.quarantine))

    @property
    def is_everything(self) -> bool:
        """True for a selection that chooses nothing."""
        return not self.all and not self._chosen

    def selection(self, org: str) -> ReplaySelection:
        """The selection to replay; raises pydantic's `ValidationError` for parts that do not fit
        together.
        """
        choice = self.quarantine
        return ReplaySelection(
            org=org,
            lane=self.lane,
            object=self.object,
            record=self.record,
            from_position=self.from_position,
            to_position=self.to_position,
            since=self.since,
            until=self.until,
            quarantine=None if choice is None else QuarantineChoice(reason=choice.reason, batch=choice.batch),
        )

    def derived_window(self) -> str:
        """As the command names it: `changes,Case,2026-11-24..now`."""
        return replay_name(self.selection(""), self.shadow)

    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> ReplayInput:
        """The selection; an object must be in the catalogue."""
        if self.object is not None:
            parts.catalogue.object(self.object)
        return ReplayInput(
            selection=self.selection(parts.org),
            key=window,
            shadow=self.shadow,
            parallel=self.parallel,
            by=by,
            reason=self.reason,
        )


RESOURCE = RunResource(
    kind=REPLAY,
    request=ReplayRequest,
    about="Takes landed batches through the present code once more; what the change log has already changes nothing.",
)
