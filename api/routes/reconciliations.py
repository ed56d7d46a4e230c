"""Reconciliations: whether the warehouse equals the org; what differs is repaired, or only
named.
"""

from typing import Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from api.dependencies import Dependencies
from api.runs.kinds import RunRequest, RunResource
from clients.temporal.run_kinds import RECONCILE
from schemas.reconcile import Depth, ReconcileInput
from schemas.run_names import reconcile_name


class ReconciliationRequest(RunRequest):
    """The object to compare with the org, and the depth."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"object": "Case"},
                {"object": "Account", "depth": "ids", "repairs": False, "reason": "before the audit"},
            ]
        }
    )

    object: str = Field(max_length=80, description="Its API name, as in /v1/catalogue.", examples=["Case"])
    depth: Depth = Field(
        default=Depth.BUCKETS,
        description="`buckets`: counts, newest changes and sums, and what they lead to; a few calls. `ids`: id and time of every "
        "record. `fields`: every field of every record.",
    )
    since: AwareDatetime | None = Field(default=None, description="Only records last modified from here on.")
    until: AwareDatetime | None = Field(default=None, description="Only records last modified before.")
    repairs: bool = Field(default=True, description="False: what differs is named and left.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`since` must be before `until`")
        return self

    def derived_window(self) -> str:
        """As the command names it: `all.buckets`, `all.ids.no-repair`."""
        return reconcile_name(self.since, self.until, self.depth, repairs=self.repairs)

    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> ReconcileInput:
        """The question; its object must be in the catalogue."""
        parts.catalogue.object(self.object)
        return ReconcileInput(
            org=parts.org,
            object=self.object,
            window=window,
            depth=self.depth,
            since=self.since,
            until=self.until,
            repairs=self.repairs,
            settle=parts.settings.reconciliation.comparison_delay,
            by=by,
            reason=self.reason,
        )


RESOURCE = RunResource(
    kind=RECONCILE,
    request=ReconciliationRequest,
    about="Holds an object's rows against the org, the cheapest question first, and repairs what differs.",
)
