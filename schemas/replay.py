"""A replay: which landed batches are taken through the present code again, where their changes go,
and how far it has come.

Into the tables themselves a replay changes nothing that the change log has: it applies what was
refused and fits now. Into a shadow it makes everything again beside them, to be compared.
"""

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from schemas.ids import ORIGIN
from schemas.ingest.positions import POLLED_PATTERN
from schemas.message import Counts, Message
from schemas.security.words import Words

POSITION_PATTERN = rf"^({ORIGIN}|[0-9]{{1,20}}|{POLLED_PATTERN})$"
SHADOW_PATTERN = r"^[a-z][a-z0-9_]{0,30}$"
KEY_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z._:,=+-]{0,149}$"


class QuarantineChoice(Message):
    """Rows of quarantine whose batches are replayed; None of a part takes any."""

    reason: str | None = None
    batch: str | None = None


class ReplaySelection(Message):
    """Selection of landed batches, and of their changes. Nothing given: every change of every
    lane.
    """

    org: str
    lane: str | None = None
    """None: every lane."""
    object: str | None = None
    """None: every object."""
    record: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]{18}$")
    """One record; without lane and range the batches that the change log or quarantine names for
    it. It is folded again then.
    """
    from_position: str | None = Field(default=None, pattern=POSITION_PATTERN)
    """Batches that hold changes after this position of the lane; None: from the chain's beginning.
    """
    to_position: str | None = Field(default=None, pattern=POSITION_PATTERN)
    """Batches that begin before this position; None: up to the chain's end."""
    since: datetime | None = None
    """Batches that were landed at or after this time; None: from the beginning."""
    until: datetime | None = None
    """Batches that were landed before this time; None: up to now."""
    quarantine: QuarantineChoice | None = None
    """Batches that quarantine holds changes of; None: whether or not it does."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        by_position = self.from_position is not None or self.to_position is not None
        by_time = self.since is not None or self.until is not None
        if by_position and by_time:
            raise ValueError("give the range either as positions or as times, not both")
        if by_position and self.lane is None:
            raise ValueError("a position belongs to a lane: name the lane")
        if self.to_position == ORIGIN:
            raise ValueError("no batch begins before `origin`")
        if self.record is not None and self.object is None:
            raise ValueError("a record belongs to an object: name the object")
        if self.quarantine is not None and (by_position or by_time):
            raise ValueError("quarantine is chosen by reason, object, lane or batch, not by a range")
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a time needs a zone")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`since` must be before `until`")
        return self

    @property
    def is_by_record(self) -> bool:
        """True when the batches are those that the warehouse names for the record."""
        bounds = (self.lane, self.from_position, self.to_position, self.since, self.until)
        return self.record is not None and all(bound is None for bound in bounds)


class ReplayCursor(Message):
    """Progress of finding the batches of a selection."""

    lane: str = ""
    """Lanes before it are done; empty: at the beginning."""
    after: str = ""
    """Of that lane: the last key that was looked at; empty: none."""


class BatchRef(Message):
    """A landed batch by what names its manifest."""

    lane: str
    start: str


class BatchGroup(Message):
    """Batches that are applied together."""

    batches: tuple[BatchRef, ...]
    changes: int
    """Changes of them that the selection takes."""


class ReplayCounts(Counts):
    """Outcome of replayed batches: changes = applied + duplicate + quarantined."""

    batches: int = 0
    changes: int = 0
    applied: int = 0
    """New to the change log. A step that is done a second time, because its worker died, finds them
    as duplicates.
    """
    duplicate: int = 0
    """In the change log already."""
    quarantined: int = 0
    """Still refused."""
    missing: int = 0
    """Batches that the warehouse names and raw has no more; they are not among `batches`."""
    released: int = 0
    """Rows that quarantine has no more: their changes fit now, or the log has them."""
    rebuilt: int = 0
    """Records folded again."""


class ReplaySize(Message):
    """Size of a selection."""

    batches: int = 0
    changes: int = 0
    raw_bytes: int = 0
    """Of the raw files, whole, even when one object is taken of them."""
    missing: int = 0
    """As of `ReplayCounts`."""


class ReplayState(Message):
    """A replay as its query shows it, and its result."""

    org: str
    key: str
    stage: str
    """counting, replaying, paused, done, cancelled."""
    counts: ReplayCounts = ReplayCounts()
    expected: ReplaySize | None = None
    """None before the batches are counted."""
    paused_because: str = ""
    shadow: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    cursor: ReplayCursor = ReplayCursor()
    """The batches before it have been replayed."""


class ReplayInput(Message):
    """The input of a replay workflow, carried from run to run."""

    selection: ReplaySelection
    key: str = Field(pattern=KEY_PATTERN)
    """Names the replay: the same key is the same replay."""
    shadow: str | None = Field(default=None, pattern=SHADOW_PATTERN)
    """Into the schemas `shadow_<name>_…`; None: into the tables themselves."""
    parallel: int = Field(default=2, ge=1, le=16)
    """Groups under way at once. A shadow takes them one by one, in the order of the lane: what
    comes in order is folded faster.
    """
    by: Words = "unknown"
    """The caller; goes on record."""
    reason: Words = ""
    carried: ReplayState | None = None
    """Set by the workflow for its next run."""


class FindBatchesInput(Message):
    """The next batches of a selection."""

    selection: ReplaySelection
    cursor: ReplayCursor = ReplayCursor()
    most: int = Field(default=400, ge=1, le=2_000)
    """Batches looked at."""


class FoundBatches(Message):
    """Some batches of a selection, in groups."""

    groups: tuple[BatchGroup, ...]
    cursor: ReplayCursor | None
    """Where to go on; None: these were the last."""
    missing: int = 0
    """As of `ReplayCounts`."""


class RedriveInput(Message):
    """A group of batches to take through the present code."""

    selection: ReplaySelection
    group: BatchGroup
    shadow: str | None = None
