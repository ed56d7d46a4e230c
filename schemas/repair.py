"""Repairs: what is read because an event could not tell it."""

from datetime import datetime, timedelta

from pydantic import Field

from schemas.message import Message

LOOK_EVERY = timedelta(seconds=60)
"""Between two looks at the list when nobody says that there is something on it."""
LOOK_AGAIN = timedelta(seconds=10)
"""Between two looks while something waits."""
GATHER = timedelta(seconds=2)
"""From the word that something is on the list to the look: what comes together is read together."""


class RepairInput(Message):
    """The input of a repair workflow."""

    org: str
    look_every: timedelta = LOOK_EVERY
    gather: timedelta = GATHER
    failed: dict[str, str] = Field(default_factory=dict)
    """Object -> why its last repair failed; it carries this from run to run."""


class FindInput(Message):
    """A look at the list."""

    org: str
    busy: tuple[str, ...] = ()
    """Objects that are being read, and are left out."""


class Repair(Message):
    """The reading of one object by one repair: records by their ids, or the rows modified in a
    window.
    """

    object: str
    window: str
    """Of the backfill that reads them."""
    ids_key: str | None = None
    """As of `BackfillInput`; None: by window."""
    since: datetime | None = None
    """Where the window begins; None: all of the object, when there are no ids."""
    after: datetime
    """The latest commit among what asks: the reading waits until everything up to then can be seen.
    """
    stands_at: datetime | None = None
    """As of `BackfillInput`."""
    answers_records: bool = False
    """The window is read for records that are named, because there are too many to read one by one.
    """
    asked: int
    """Records, or windows, that asked."""


class FindResult(Message):
    """The repairs to make now; at most one an object."""

    repairs: tuple[Repair, ...] = ()
    waiting: tuple[str, ...] = ()
    """Objects with incomplete records that wait for what may be on its way."""


class FindDeletedInput(Message):
    """Records that were deleted since a window began: some may be gone from the recycle bin."""

    org: str
    repair: Repair


class FindDeletedResult(Message):
    """Where the list of their ids lies; None when there is none."""

    ids_key: str | None = None
    ids: int = 0


class CloseInput(Message):
    """A repair has been read."""

    org: str
    repair: Repair


class RepairState(Message):
    """A repair workflow as its query shows it."""

    reading: dict[str, str] = Field(default_factory=dict)
    """Object -> window of the backfill that reads it."""
    done: int = 0
    """Repairs since the run began."""
    failed: dict[str, str] = Field(default_factory=dict)
