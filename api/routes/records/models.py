"""The answers about records."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class Freshness(BaseModel):
    """The last commit of the object that an answer shows."""

    commit: int
    """Commits of the object are numbered 1, 2, 3 …; an answer shows all of them up to this one. 0 =
    none was numbered yet.
    """
    applied_at: datetime | None
    """When the commit's changes were applied. None = as of commit 0."""


class Record(BaseModel):
    """A record's state, without how fresh it is."""

    object: str = Field(examples=["Case"])
    id: str = Field(examples=["5005e000001AbCdAAK"])
    """18 characters."""
    version: int
    """1 for the record's first state, and one more for each change."""
    change_order: str
    """Place of the latest change among the record's changes; a greater text is a later change."""
    changed_at: datetime
    """Commit of the latest change in Salesforce."""
    applied_at: datetime
    """When the latest change was applied to the warehouse."""
    valid_to: datetime | None = None
    """When the next version began. Left out of the latest one."""
    is_deleted: bool
    is_complete: bool
    """False = no whole record was seen yet, so a field without a value may have one."""
    fields: dict[str, Any]
    """API name -> value. Numbers and texts as Salesforce's REST API has them, times in ISO 8601 and
    UTC. Of protected fields only those that were asked for by `decrypt`.
    """
    withheld: list[str]
    """Protected fields that are not in `fields`."""
    unknown: list[str]
    """Fields whose latest value did not fit its column: their null says nothing."""


class FreshRecord(Record):
    """A record, and how fresh the answer is."""

    freshness: Freshness


class Page(BaseModel):
    """Records by id."""

    records: list[Record]
    next: str | None
    """Give it as `after` to have the next page. None = this is the last one."""
    freshness: Freshness


class Batch(BaseModel):
    """Those of some records that the warehouse has."""

    records: list[Record]
    """By id."""
    missing: list[str]
    """Ids of which the warehouse has no record."""
    freshness: Freshness


class Versions(BaseModel):
    """Versions of a record, the newest first."""

    versions: list[Record]
    """Each is valid from its `changed_at` to its `valid_to`."""
    next: int | None
    """Give it as `before` to have older ones. None = these are the last ones."""
    freshness: Freshness


class OwnWriteback(BaseModel):
    """A writeback that came back as a change."""

    batch: str
    """As `GET /v1/writebacks?batch=` takes it."""


class Change(BaseModel):
    """A change of a record, as it was applied."""

    cursor: str
    """Its place in the feed: give it as `after` to go on behind it."""
    object: str
    id: str
    change_type: str = Field(examples=["create", "update", "delete", "undelete", "snapshot"])
    """A snapshot is a whole record, or some fields of it, as a query read it."""
    change_order: str
    """Place among the record's changes. A change that comes later in the feed with a smaller one is
    older: it was late, and is no news for a copy of the record.
    """
    changed_at: datetime
    applied_at: datetime
    fields: dict[str, Any]
    """The fields that the change sets, without protected ones."""
    diffs: dict[str, str]
    """Long texts that came as a diff to the text before: read the record for the text itself."""
    withheld: list[str]
    """Protected fields that the change sets."""
    unknown: list[str]
    """Fields that the change sets to a value that did not fit its column."""
    commit_user: str | None
    own_writeback: OwnWriteback | None
    """The writeback of Tidegate that made the change. None = somebody else made it, or it was
    written by a Bulk job, whose changes do not say so.
    """


class Changes(BaseModel):
    """Changes of an object in the order in which they were applied."""

    changes: list[Change]
    next: str
    """Give it as `after` in the next request, also when there are no changes now."""
    has_more: bool
    """True = more changes were there already."""
    freshness: Freshness
