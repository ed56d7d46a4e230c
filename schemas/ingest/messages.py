"""Messages that travel through Temporal: references, positions and counts. Never a record, so never
PII.
"""

from datetime import datetime, timedelta

from pydantic import Field

from schemas.ids import ORIGIN
from schemas.ingest.positions import POLLED_PATTERN
from schemas.ingest.raw import Manifest
from schemas.message import Message
from schemas.planner import Way
from schemas.security.acting import Origin
from schemas.security.words import Words

POLL_EVERY = timedelta(seconds=60)


class LaneInput(Message):
    """The input of a lane workflow, carried from run to run."""

    org: str
    lane: str
    channel: str = ""
    """The CDC channel that it follows, e.g. /data/ChangeEvents; empty for a polled lane."""
    way: Way = Way.STREAM
    object: str = ""
    """The object that it polls; empty for a stream."""
    every: timedelta = POLL_EVERY
    """Between the beginnings of two polls."""
    start_at: datetime | None = None
    """Nothing before needs polling, because another lane has received it; None: go on at the
    chain's end, and without a chain a little before now.
    """
    reads_unsettled: bool = False
    """Each poll of a lane also lands what has changed since the end of its window: while the object
    goes over to a stream, whose events would hide from the next polls what only these rows tell.
    """
    began_at: datetime | None = None
    """When the first run of the workflow began; it sets this itself."""
    position: str = ORIGIN
    """Where to look for the chain's end; a hint that saves walking the whole chain."""
    first_replay: int = -2
    """Where a lane without a chain begins: -2 all retained events, -1 new ones only."""
    skip_from: str | None = None
    """From this position the stream goes on with new events only, because another lane has received
    the rest; None: every event is received.
    """
    paused: bool = False
    paused_because: str = ""
    paused_by: str = ""
    """Who paused it; empty: nobody, it paused itself."""
    paused_at: datetime | None = None
    """None: it is not paused, or a release paused it that did not keep the time."""


class FollowInput(Message):
    """One stretch of following a lane."""

    org: str
    lane: str
    channel: str
    position: str
    first_replay: int
    skip_from: str | None = None
    """As of `LaneInput`."""
    began_at: datetime | None = None
    """When the lane began; None: a release scheduled it that did not say so."""


class PollInput(Message):
    """One stretch of polling an object."""

    org: str
    lane: str
    object: str
    position: str
    every: timedelta
    began_at: datetime
    """A lane without a chain and without `start_at` begins a little before this."""
    start_at: datetime | None = None
    reads_unsettled: bool = False
    """As of `LaneInput`."""


class FollowResult(Message):
    """The position that a stretch reached."""

    position: str
    batches: int
    changes: int


class LaneState(Message):
    """A lane as its query shows it."""

    org: str
    lane: str
    channel: str
    position: str
    paused: bool
    paused_because: str
    way: Way = Way.STREAM
    object: str = ""
    every: timedelta | None = None
    """None for a stream."""


class PauseInput(Message):
    """The operator of a pause or resume, and the reason; both go on record."""

    by: Words = "unknown"
    reason: Words = ""
    skip_from: str | None = None
    """Only of `resume`, and only for a stream: as of `LaneInput`."""
    is_handover: bool = False
    """True = a start goes over from lanes to planner or back: it pauses only a lane that runs, and
    resumes only one that a hand-over has paused.
    """


class MovePositionInput(Message):
    """Move a paused lane to another position."""

    position: str = Field(pattern=rf"^(origin|[0-9]{{1,20}}|{POLLED_PATTERN})$")
    by: Words
    reason: Words = Field(min_length=3)


class SetEveryInput(Message):
    """Poll a lane more or less often, from now on."""

    every: timedelta = Field(ge=timedelta(seconds=1))
    start_at: datetime | None = None
    """As of `LaneInput`; None leaves it as it is."""
    reads_unsettled: bool | None = None
    """As of `LaneInput`; None leaves it as it is."""


class StageInput(Message):
    """A batch to stage."""

    manifest: Manifest


class StagedObject(Message):
    """One object's share of a staged batch: where its typed and refused changes lie, and how many
    there are.
    """

    object: str
    staged_key: str | None
    """None when nothing of the object could be typed."""
    refused_key: str | None
    """None when nothing was refused."""
    landed: int
    staged: int
    refused: int


class StageResult(Message):
    """Every object of a staged batch."""

    objects: tuple[StagedObject, ...]


class ApplyInput(Message):
    """One object of one batch to apply."""

    manifest: Manifest
    staged: StagedObject


class ApplyResult(Message):
    """The ledger row's numbers: landed = applied + duplicate + quarantined."""

    object: str
    landed: int
    applied: int
    duplicate: int
    quarantined: int
    rebuilt: int
    last_changed_at: datetime | None
    isolated: int = 0
    """Fields of the applied changes that did not fit."""
    rereads: int = 0
    """Changes without values that must be read again; 0 also of a batch that was applied before."""


class ApplyObjectsInput(Message):
    """All objects of one batch to apply."""

    manifest: Manifest
    staged: tuple[StagedObject, ...]


class ApplyObjectsResult(Message):
    """The objects that were applied; one that is missing could not be, and is applied by itself."""

    applied: tuple[ApplyResult, ...]


class BatchResult(Message):
    """The outcome of a batch, over all its objects."""

    landed: int
    applied: int
    duplicate: int
    quarantined: int


class Act(Message):
    """Something that an operator did, for the audit log."""

    act: str
    """The act's name, such as `lane.pause`."""
    by: str
    target: str
    """To what: a workflow id."""
    detail: str
    at: datetime
    origin: Origin | None = None
    """How it came in, and whether its author is proven; None = nothing is known."""
