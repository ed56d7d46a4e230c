"""Schema drift: how the org's fields differ from the catalogue, and what was decided about it.

A row of `ops.drift` is a decision. The catalogue that the engine goes by is the file with the
decisions over it, so the table is both the report and the memory. A decision is about an entry
as it was: once the file says otherwise, the file counts.

A refresh reads again the fields that a decision gave a column, and those that the org computes.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from schemas.catalogue import FRACTIONAL, TEXTS, FieldSpec, Pii
from schemas.governor import LeaseClass
from schemas.ids import ORIGIN
from schemas.message import Counts, Message
from schemas.security.words import Words

CHECK_EVERY = timedelta(minutes=5)
WHOLE_OBJECT = "*"
"""Stands for the field when the org has the object no more."""
RELOAD_EVERY = timedelta(seconds=15)
"""Longest time after a decision until every process follows it."""


class DriftKind(StrEnum):
    """A change of a field."""

    ADDED = "added"
    REMOVED = "removed"
    RETYPED = "retyped"
    """Its values may not fit any more, or have lost something."""
    WIDENED = "widened"
    """Everything that fitted fits."""
    REQUIRED = "required"
    OPTIONAL = "optional"
    RESTORED = "restored"
    """A held field is there again as the catalogue has it."""
    UNKNOWN = "unknown"
    """It has a type that is not kept."""
    PART = "part"
    """It is a part of a compound field, and change events carry it there alone."""
    SCALE = "scale"
    """Its numbers may have more decimal places or digits than the column: they land rounded."""
    DIGITS = "digits"
    """Its numbers may have more digits before the point than the column: those are isolated."""
    SETTLED = "settled"
    """File and org agree by now, or the file has the object no more."""


class DriftEffect(StrEnum):
    """The engine's own reaction to it."""

    ADDED = "added"
    """The field is kept from now on, and filled."""
    CHANGED = "changed"
    """Its entry is another one."""
    HELD = "held"
    """It is not read any more, and its values stay."""
    RELEASED = "released"
    """It is read again, and filled."""
    REPORTED = "reported"
    """Nothing; somebody should look."""
    SETTLED = "settled"
    """Nothing; nobody has to look any more."""


FILLED = frozenset({DriftEffect.ADDED, DriftEffect.RELEASED})
"""Effects after which the field is read from the org for the records that are there."""


class FieldDrift(Message):
    """One field of one object that the org has otherwise than the catalogue."""

    object: str
    field: str
    kind: DriftKind
    effect: DriftEffect
    was: str = ""
    """The catalogue's entry in short; empty when it had none."""
    now: str = ""
    """The org's in short; empty when it has none."""
    spec: FieldSpec | None = None
    """The entry from now on; None when nothing changes."""
    advice: str = ""
    """The remedy; empty when nothing is to be done."""


class DriftRow(FieldDrift):
    """A decision on record."""

    revision: int
    """Counts all decisions, from 1."""
    at: datetime
    found_by: str


class DriftPolicy(Message):
    """The reaction to a finding."""

    add: bool = True
    """False: a new field is reported, and its changes wait in quarantine."""
    add_calculated: bool = False
    """True: a new field that the org works out is kept, too. Reading it costs calls, and few are
    needed.
    """
    widen: bool = True
    """False: a text with more room is reported, because the warehouse's columns have a length of
    their own.
    """
    pii: Pii = Pii.PERSONAL
    """Treatment of a new field that nobody has classified."""


class DriftInput(Message):
    """A check of an org's schema."""

    org: str
    objects: tuple[str, ...] = ()
    """Objects to check, whatever the org says of when they changed; empty: every object of the
    catalogue.
    """
    redrive: bool = False
    """True: changes that wait in quarantine for a field that was added are re-driven by a `replay`.
    """
    settle: timedelta = Field(default=3 * RELOAD_EVERY, ge=timedelta(0))
    """From a decision until everything that was staged before it has been applied."""
    by: Words = "schedule"
    reason: Words = ""
    """Goes on record with each decision."""


class Fill(Message):
    """Fields of an object that are to be read from the org."""

    object: str
    fields: tuple[str, ...]
    revision: int
    """Of the decision; names the backfill."""


class DriftResult(Message):
    """The result of a check."""

    checked: int = 0
    """Objects that were described."""
    calls: int = 0
    found: tuple[FieldDrift, ...] = ()
    """New decisions."""
    fills: tuple[Fill, ...] = ()
    waiting: tuple[str, ...] = ()
    """Objects with changes in quarantine that fit now."""


def entry_text(
    kind: str, length: int, scale: int | None, *, calculated: bool = False, held: bool = False
) -> str:
    """A field in short: `string(255)`, `currency(2)`, `double, calculated`, `date, held`. `scale`
    None: not decimal.
    """
    is_decimal = scale is not None and kind in FRACTIONAL
    size = f"({scale})" if is_decimal else f"({length})" if kind in TEXTS else ""
    return f"{kind}{size}{', calculated' if calculated else ''}{', held' if held else ''}"


def text_of(spec: FieldSpec) -> str:
    """A catalogue entry in short."""
    return entry_text(spec.type, spec.length, spec.decimals, calculated=spec.calculated, held=spec.held)


REFRESH_EVERY = timedelta(hours=6)


class RefreshInput(Message):
    """The fields and records to read."""

    org: str
    object: str
    fields: tuple[str, ...] = ()
    """Of the catalogue; empty: the object's calculated fields."""
    name: str = Field(default="", pattern=r"^([0-9A-Za-z][0-9A-Za-z._:+-]{0,79})?$")
    """Tells refreshes of an object apart that may run at once; empty for the scheduled one."""
    everything: bool = False
    """True: every record is read, even when the change log tells whose inputs have changed."""
    lease_class: LeaseClass = LeaseClass.BACKFILL
    by: Words = "schedule"
    reason: Words = ""


class RefreshCounts(Counts):
    """Counts of a refresh so far."""

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
    """How many; None: all there are."""
    why: str = ""


class RefreshPlan(Message):
    """The reads that are worth their calls."""

    groups: tuple[RefreshGroup, ...] = ()
    expected_calls: int = 0
    covered: datetime | None = None
    """The change log has been looked through up to here; the next refresh begins here. None: it
    was not looked at.
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
    """The result of one stretch of reading."""

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
