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
