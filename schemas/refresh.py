"""A refresh: some fields of an object are read by themselves, and those that differ from the
warehouse are landed.

For fields that change without a modstamp (formulas, roll-ups), and for a field that is new,
whose values the records that are there have got without an event.
"""

from datetime import datetime, timedelta

from pydantic import Field

from schemas.governor import LeaseClass
from schemas.ids import ORIGIN
from schemas.message import Counts, Message

REFRESH_EVERY = timedelta(hours=6)


class RefreshInput(Message):
    """The selection to read."""

    org: str
    object: str
    fields: tuple[str, ...] = ()
    """Of the catalogue; empty: the object's calculated fields."""
    name: str = Field(default="", pattern=r"^([0-9A-Za-z][0-9A-Za-z._:+-]{0,79})?$")
    """Tells refreshes of an object apart that may run at once; empty for the scheduled one."""
    everything: bool = False
    """True: every record is read, even when the change log tells whose inputs have changed."""
    lease_class: LeaseClass = LeaseClass.BACKFILL
    by: str = "schedule"
    reason: str = ""


class RefreshCounts(Counts):
    """The progress of a refresh."""

    read: int = 0
    """Records whose fields were read."""
    differed: int = 0
    """Of them, landed because a field was another."""
    applied: int = 0
    quarantined: int = 0
    calls: int = 0


class RefreshGroup(Message):
    """Fields that are read together, of the same records."""

    fields: tuple[str, ...]
    ids_key: str | None = None
    """As of `BackfillInput`; None: every record."""
    records: int | None = None
    """The number to read; None = all."""
    why: str = ""


class RefreshPlan(Message):
    """The records worth reading."""

    groups: tuple[RefreshGroup, ...] = ()
    expected_calls: int = 0
    covered: datetime | None = None
    """The change log has been looked through up to here; the next refresh begins here. None: it was
    not looked at.
    """


class FieldsInput(Message):
    """One stretch of reading fields."""

    org: str
    object: str
    fields: tuple[str, ...]
    lane: str
    ids_key: str | None = None
    lease_class: LeaseClass
    reading: int
    """As of `Manifest`."""
    position: str = ORIGIN
    """Where the last stretch came; of ids, how many are done."""


class FieldsResult(Message):
    """The result of a stretch."""

    position: str
    done: bool
    counts: RefreshCounts


class RefreshState(Message):
    """A refresh as its query shows it, and its result."""

    org: str
    object: str
    name: str
    stage: str
    """planning, reading, done."""
    counts: RefreshCounts = RefreshCounts()
    plan: RefreshPlan | None = None
