"""Writebacks: what outside systems ask to be written into the org, what becomes of it, and the
messages of its road.

A *writeback* is one outbound change to one record, under a key of its caller's. An *entry* is
what a batch sends for one record: one writeback, or several that were merged. A *batch* of
writebacks is what one call, or one ingest job, carries. The store (`clients/writeback`) is the
truth; only ids and counts travel through Temporal.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from schemas.message import Counts, Message
from schemas.security.acting import Origin
from schemas.security.words import Words

DEADLINE = timedelta(minutes=5)
"""The default deadline of a writeback: the promise for 99 of 100."""
MOST_OF_A_REQUEST = 10_000
"""Writebacks of one request; more go by reference to a file."""
MOST_KEY = 255
"""Characters of an idempotency key."""
MOST_FIELDS = 200
"""Fields of one writeback."""
CLIENT_PREFIX = "tidegate-"
"""The prefix of the client name under which a batch is sent; its id follows. It comes back in the
events' `changeOrigin` (Change Data Capture Developer Guide, "Change Event Header Fields").
"""


def client_name(batch: str) -> str:
    """Under which client name a batch is sent."""
    return f"{CLIENT_PREFIX}{batch}"


class WritebackState(StrEnum):
    """Where a writeback stands."""

    WAITING = "waiting"
    """To be sent: for the first time, or again."""
    OPEN = "open"
    """In a batch that is not closed."""
    HELD = "held"
    """Not sent, because the record was changed in Salesforce since; waits for an operator."""
    DONE = "done"
    """In Salesforce."""
    DEAD = "dead"
    """Refused for good; waits for an operator: a dead letter."""
    SUPERSEDED = "superseded"
    """Not sent, because a newer change in Salesforce wins."""
    DISCARDED = "discarded"
    """An operator let it go."""

    @property
    def is_over(self) -> bool:
        """True when nothing more happens to it by itself."""
        return self not in (WritebackState.WAITING, WritebackState.OPEN)


class Carrier(StrEnum):
    """The carrier of a batch into the org."""

    COLLECTIONS = "collections"
    """Up to five collections of 200 rows in one composite call."""
    BULK = "bulk"
    """A Bulk API 2.0 ingest job."""


class BatchState(StrEnum):
    """Where a batch of writebacks stands."""

    FORMED = "formed"
    """Nothing was sent."""
    SENT = "sent"
    """It is about to be sent, or was; without results its outcome is unknown."""
    CLOSED = "closed"


class ConflictPolicy(StrEnum):
    """Conflict policy when the writeback's field was changed in Salesforce after it was
    accepted.
    """

    HOLDS = "holds"
    """The writeback waits for an operator."""
    WINS = "wins"
    """The writeback is superseded."""
    YIELDS = "yields"
    """The writeback is sent all the same."""


class Mode(StrEnum):
    """Treatment of several writebacks of one record that wait together."""

    ORDERED = "ordered"
    """Each is sent by itself, in the order of acceptance."""
    MERGED = "merged"
    """They are sent as one; of a field that several name, the last one's value."""


class WritebackRequest(Message):
    """One outbound change to one record, as its caller asks for it."""

    object: str
    external_id: str = Field(min_length=1, max_length=255)
    """The value of the object's external id field that names the record."""
    key: str = Field(min_length=1, max_length=MOST_KEY)
    """The caller's own name for this change: the same key is the same writeback, forever."""
    fields: dict[str, Any] = Field(min_length=1, max_length=MOST_FIELDS)
    """Field -> value in REST's JSON; None empties it. A parent by its external id: {"Account__r":
    {"ExternalId__c": "A-1"}}.
    """
    key_field: str | None = None
    """The external id field; None: the only one that the catalogue has for the object."""
    deadline: AwareDatetime | None = None
    """When it has to be in Salesforce; None: five minutes after it was accepted."""
    priority: int = Field(default=5, ge=0, le=9)
    """0 is sent first, 9 last, among those that are as urgent."""
    may_create: bool = True
    """False: a record that is not there is an error, not made."""
    mode: Mode = Mode.ORDERED
    only_if: dict[str, Any] | None = None
    """Field -> the value that the record must still have; otherwise the writeback is a dead letter.
    None: no condition.
    """
    unchanged_since: AwareDatetime | None = None
    """The record must not have been changed in Salesforce after this; otherwise a dead letter.
    None: no condition.
    """


class Accepted(Message):
    """One accepted writeback."""

    index: int
    """Its place in the request."""
    key: str
    number: int
    """Its own, by which it is asked for."""
    is_new: bool
    """False: it was accepted before under the same key."""


class RefusedWriteback(Message):
    """One writeback of a request that was not accepted."""

    index: int
    key: str
    field: str
    """The part at fault: `fields.Status__c`, `external_id`; empty = the whole."""
    message: str
    """The error, and the remedy."""


class Intake(Message):
    """The outcome of a request."""

    accepted: tuple[Accepted, ...]
    refused: tuple[RefusedWriteback, ...]


MAX_OPEN_BATCHES = 4
"""Batches of one object on their way at once, where no setting says otherwise."""


class QueueInput(Message):
    """The queue of one object's writebacks."""

    org: str
    object: str
    most_open: int = Field(default=MAX_OPEN_BATCHES, ge=1)
    """Batches on their way at once."""


class WritebackBatchInput(Message):
    """One batch of writebacks."""

    org: str
    object: str
    batch: str
    carrier: Carrier
    size: int


class FormInput(Message):
    """Form batches of what waits."""

    org: str
    object: str
    most_open: int


class Formed(Message):
    """Open batches, and the number of waiting writebacks."""

    batches: tuple[WritebackBatchInput, ...]
    """Every batch that is not closed, those formed before included."""
    waiting: int
    next_at: datetime | None
    """When the next one that waits may be tried; None when nothing waits."""
    paused_because: str
    """Who paused and why; empty when it is not paused."""
    lacks_echo: bool = False
    """True while changes of writebacks that were done lately have not come back."""


class EchoInput(Message):
    """Find an object's own changes that have come back."""

    org: str
    object: str


class EchoCounts(Counts):
    """Its outcome."""

    looked: int = 0
    """Writebacks without an echo."""
    found: int = 0


class LookUpInput(Message):
    """A batch whose outcome is not known."""

    batch: WritebackBatchInput
    is_over: bool = False
    """True: the org has answered, so it is no longer at it. False: it may be."""


class SentBatch(Message):
    """The state of a batch after a step."""

    is_known: bool
    """False: what became of some entries has to be looked up."""
    is_over: bool = False
    """As of `LookUpInput`."""


class BatchCounts(Counts):
    """The outcome of a batch's writebacks."""

    done: int = 0
    again: int = 0
    """They wait for another try."""
    held: int = 0
    dead: int = 0
    superseded: int = 0
    calls: int = 0


class WritebackControl(Message):
    """Pause, resume or drain."""

    by: Words
    reason: Words = ""
    whole_org: bool = False
    """True: every object's queue."""


class PauseChange(StrEnum):
    """The effect of a signal on an object's writebacks."""

    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"


class SetPauseInput(Message):
    """A pause, its end, or a drain, to be put on record."""

    object: str
    change: PauseChange
    control: WritebackControl
    at: datetime
    """When it was asked for: the same act is on record once."""
    origin: Origin | None = None
    """How it came to a queue; None = it is set without a queue, by the process itself."""
    queue: str = ""
    """The workflow of the queue that was asked; "" = none."""


class QueueState(Message):
    """An object's writebacks, as its queue knows them."""

    waiting: int
    open: tuple[str, ...]
    """Batches on their way."""
    paused_because: str
    """Who paused and why; empty when it is not paused."""
    trouble: str
    """Why no batch can be formed; empty when they can."""
