"""Operator actions on accepted writebacks, and their results."""

from datetime import datetime

from pydantic import Field

from schemas.message import Message
from schemas.security.words import Words
from schemas.writeback.messages import PauseChange, WritebackState

MOST_CHOSEN = 10_000
"""Numbers that one act names; more are chosen by object, code or batch."""


class WritebackChoice(Message):
    """Selection of writebacks for an act; None: any. Numbers and the rest do not go together."""

    numbers: tuple[int, ...] = Field(default=(), max_length=MOST_CHOSEN)
    object: str | None = None
    code: str | None = None
    """Of the last problem: Salesforce's, or ours in lower case."""
    state: WritebackState | None = None
    batch: str | None = None

    @property
    def is_empty(self) -> bool:
        """True when it names nothing, so that it would mean all that there is."""
        return self == WritebackChoice()


class LeftAlone(Message):
    """A writeback that an act did not change."""

    number: int
    why: str
    """The obstacle, and the remedy."""


class Handled(Message):
    """The outcome of writebacks that an operator chose to retry or to discard."""

    numbers: tuple[int, ...]
    """The number of changed writebacks."""
    objects: tuple[str, ...]
    """Theirs."""
    left: tuple[LeftAlone, ...]


class Undone(Message):
    """A writeback, and the one that brings back what it replaced."""

    number: int
    by: int
    """The number of the new one."""
    is_new: bool
    """False: it was asked for before."""
    without: tuple[str, ...] = ()
    """Fields that it does not bring back; `left` of the answer says why."""


class UndoResult(Message):
    """The outcome of a request to undo."""

    undone: tuple[Undone, ...]
    objects: tuple[str, ...]
    left: tuple[LeftAlone, ...]
    """Writebacks of which nothing, or not all, is restored."""


class PauseView(Message):
    """A pause or a drain that is in force."""

    object: str
    """`*`: the whole org."""
    by: Words
    reason: Words
    since: datetime
    drains_to: int | None
    """Not null: what was accepted up to this number still goes."""


class PauseResult(Message):
    """A pause, its end or a drain, in force and on record when this is answered."""

    change: PauseChange
    object: str
    """`*`: the whole org."""
    pauses: tuple[PauseView, ...]
    """All that are in force now."""
    on_the_wire: tuple[str, ...]
    """Batches that were about to be sent, or had been, when it came into force; they come to their
    end.
    """
