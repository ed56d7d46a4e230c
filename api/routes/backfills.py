"""Backfills: an object is read again, all of it, a time window, or some records by their ids."""

import asyncio
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from api.dependencies import Dependencies
from api.runs.kinds import RunRequest, RunResource
from clients.temporal.run_kinds import BACKFILL
from schemas import ids as naming
from schemas.backfill import BackfillInput
from schemas.governor import LeaseClass
from schemas.run_names import backfill_name, id_list, id_list_digest

MOST_IDS = 50_000
RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{18}$")]


class BackfillRequest(RunRequest):
    """The records to read again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"object": "Case", "reason": "first load"},
                {"object": "Case", "since": "2026-11-01T00:00:00Z", "until": "2026-11-08T00:00:00Z"},
                {"object": "Account", "ids": ["001Tg0000000001IAA"], "is_repair": True},
            ]
        }
    )

    object: str = Field(max_length=80, description="Its API name, as in /v1/catalogue.", examples=["Case"])
    since: AwareDatetime | None = Field(
        default=None, description="Only rows last changed from here on; left out: from the beginning."
    )
    until: AwareDatetime | None = Field(
        default=None, description="Only rows last changed before; left out: up to when it is done."
    )
    ids: tuple[RecordId, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_IDS,
        description="Ids of 18 characters: these records are read and nothing else, and those that the org has no more become "
        "deletions. Not together with `since` or `until`.",
    )
    lease_class: Literal[LeaseClass.BACKFILL, LeaseClass.REPAIR] = Field(
        default=LeaseClass.BACKFILL,
        description="Whose tokens pay; repairs go before lanes, backfills after them.",
    )
    is_repair: bool = Field(
        default=False,
        description="True when rows count though the warehouse has them with the same modstamp, because it is known to be wrong.",
    )

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.ids is not None and (self.since is not None or self.until is not None):
            raise ValueError("give either `ids` or a time window, not both")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`since` must be before `until`")
        return self

    def derived_window(self) -> str:
        """As the command names it: `all`, `2026-11-01..now`, or `ids-` and the hash of the ids."""
        listed = None if self.ids is None else id_list(self.ids)
        return backfill_name(self.since, self.until, listed, is_repair=self.is_repair)

    async def as_input(self, parts: Dependencies, *, window: str, by: str) -> BackfillInput:
        """Ids go to the object store, and their key alone to the workflow."""
        parts.catalogue.object(self.object)
        return BackfillInput(
            org=parts.org,
            object=self.object,
            window=window,
            since=self.since,
            until=self.until,
            ids_key=None if self.ids is None else await _stored(parts, self.ids),
            lease_class=self.lease_class,
            is_repair=self.is_repair,
            by=by,
            reason=self.reason,
        )


async def _stored(parts: Dependencies, record_ids: tuple[str, ...]) -> str:
    listed = id_list(record_ids)
    key = naming.ids_key(parts.org, id_list_digest(listed))
    await asyncio.to_thread(parts.store.put, key, listed)
    return key


RESOURCE = RunResource(
    kind=BACKFILL,
    request=BackfillRequest,
    about="Reads an object again while its lane goes on: all of it, a time window, or records by their ids.",
)
