"""An erasure: whose values go, what each store held of them, and how far it has come.

Only ids and counts travel through Temporal. What else tells whose a row is, external ids of the
records, lies encrypted in the object store until the erasure is done.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import Field, field_validator

from schemas.message import Message
from schemas.salesforce.record_ids import whole_id

MOST_RECORDS = 200
"""Records that one erasure names."""
HEARD_EVERY = timedelta(seconds=5)
"""Time between two looks of a process at the list of erased records."""
GRACE = timedelta(seconds=60)
"""Between two passes: every process has heard of the erased records by then, and what was under way
has landed.
"""
MOST_PASSES = 8
"""Passes after which an erasure that still finds values waits for an operator."""
KEY_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z._:,=+-]{0,149}$"


class StoreCount(Message):
    """One store's part."""

    store: str
    """`raw files` or `curated.contact_history`, for instance."""
    places: int
    """Changes, rows or cells of the records in it, whether their values are there or gone."""
    rewritten: int
    """Those of them whose values went in this pass; of a dry run: that would go."""


class ErasureState(Message):
    """An erasure as its query shows it, and its result."""

    org: str
    key: str
    stage: str
    """looking, erasing, waiting, certifying, paused, done."""
    records: int = 0
    """All of them, related ones included."""
    related: dict[str, int] = Field(default_factory=dict)
    """Object -> records that point to the named ones, directly or through others. They are erased
    only when that was asked.
    """
    is_dry: bool = False
    passes: int = 0
    """That are over."""
    after: str = ""
    """Of the pass under way: raw files up to this key have been looked at."""
    stores: tuple[StoreCount, ...] = ()
    """The most places that a pass has found, and values taken by all passes together."""
    pending: tuple[StoreCount, ...] = ()
    """Of the pass under way."""
    pass_began_at: datetime | None = None
    """Of the pass under way."""
    paused_because: str = ""
    digest: str = ""
    """SHA-256 of the certificate, hex; empty before there is one."""
    began_at: datetime | None = None
    ended_at: datetime | None = None


class ErasureInput(Message):
    """The input of an erasure workflow, carried from run to run."""

    org: str
    key: str = Field(pattern=KEY_PATTERN)
    """Names the erasure: the same key is the same erasure."""
    records: tuple[str, ...] = Field(min_length=1, max_length=MOST_RECORDS)
    """Ids, 18 characters each."""
    with_related: bool = False
    """True: also the records that point to them."""
    is_dry: bool = False
    """True: nothing is erased, only counted."""
    grace: timedelta = Field(default=GRACE, ge=timedelta(0), le=timedelta(hours=1))
    by: str = "unknown"
    """The caller; goes on record."""
    reason: str = ""
    carried: ErasureState | None = None
    """Set by the workflow for its next run."""

    @field_validator("records")
    @classmethod
    def _whole(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(whole_id(each) for each in given))


class ErasureScope(Message):
    """Whose values go."""

    records: int
    related: dict[str, int] = Field(default_factory=dict)
    """As of `ErasureState`."""


class ErasureStep(Message):
    """The input of each step that looks for values and takes them."""

    org: str
    key: str
    is_dry: bool = False
    after: str = ""
    """Of raw files: those up to this key were looked at."""
    pass_began_at: datetime | None = None
    """A raw file that the erasure has rewritten since then was counted under its former key. None =
    it is not known.
    """


class ErasedPlaces(Message):
    """The places that a step found."""

    stores: tuple[StoreCount, ...] = ()
    after: str | None = None
    """Where to go on; None: that was all."""


class CertifyInput(Message):
    """The content of a certificate."""

    state: ErasureState
    records: tuple[str, ...]
    by: str
    reason: str


class Certified(Message):
    """A certificate that is stored."""

    digest: str
    at: datetime


def put_together(one: tuple[StoreCount, ...], other: tuple[StoreCount, ...]) -> tuple[StoreCount, ...]:
    """Counts of two pieces of one pass."""
    return _merged(one, other, lambda a, b: a + b)


def after_pass(before: tuple[StoreCount, ...], found: tuple[StoreCount, ...]) -> tuple[StoreCount, ...]:
    """Counts after one more pass: the most places that a pass has found, and all values that were
    taken: a place whose key went with its values is found once only.
    """
    return _merged(before, found, max)


def _merged(
    one: tuple[StoreCount, ...], other: tuple[StoreCount, ...], places: Callable[[int, int], int]
) -> tuple[StoreCount, ...]:
    counts = {each.store: each for each in one}
    for each in other:
        before = counts.get(each.store, StoreCount(store=each.store, places=0, rewritten=0))
        counts[each.store] = StoreCount(
            store=each.store,
            places=places(before.places, each.places),
            rewritten=before.rewritten + each.rewritten,
        )
    return tuple(counts.values())
