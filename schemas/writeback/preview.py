"""Preview of writebacks without accepting any: a dry run."""

from enum import StrEnum
from typing import Any

from schemas.message import Message
from schemas.writeback.messages import Carrier, RefusedWriteback


class PreviewEffect(StrEnum):
    """The effect of a writeback now."""

    CREATE = "create"
    UPDATE = "update"
    NOTHING = "nothing"
    """The record has every value already."""
    NOT_SENT = "not_sent"
    """A precondition does not hold, or there is no record and none may be made."""


class FieldDifference(Message):
    """A field that would have another value."""

    field: str
    is_hidden: bool = False
    """True: its values are personal, or a parent's; they only differ, or may."""
    now: Any = None
    then: Any = None


class WouldBe(Message):
    """One writeback of a dry run."""

    index: int
    """Its place in the request."""
    object: str
    key: str
    effect: PreviewEffect
    record_id: str | None = None
    why: str = ""
    """Why it would not be sent."""
    differences: tuple[FieldDifference, ...] = ()
    warnings: tuple[str, ...] = ()
    """Likely refusals of Salesforce, and likely surprises."""


class Cost(Message):
    """The cost of an object's writebacks."""

    object: str
    carrier: Carrier
    batches: int
    calls: int
    sharing: int
    """Records that lock a record which another one of them locks as well; they travel in one batch.
    """
    parents: int
    """The records so locked."""


class Preview(Message):
    """The outcome of a dry run."""

    writebacks: tuple[WouldBe, ...]
    refused: tuple[RefusedWriteback, ...]
    costs: tuple[Cost, ...]
    calls: int
    """Calls that the dry run itself took."""


class PreviewInput(Message):
    """Look at writebacks that lie in the object store, as they would be stored."""

    org: str
    key: str
    """Of the object: a JSON list of rows, personal values as tokens. The outcome is put beside it.
    """


class Previewed(Message):
    """Where the outcome is."""

    key: str
