"""A polled lane's position: up to where the object has been read, as text that sorts as the lane
does.

Two forms. `1795000000000` says that every row whose SystemModstamp is earlier has been read; `1795000000000-500…AAA`
says that of the rows with that SystemModstamp those up to and including that Id have been read, too. SystemModstamp has a
resolution of one second, so ties are normal and the Id is what tells them apart.

A poll gives rows and deletions, each with such a place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

POLLED_PATTERN = r"[0-9]{13}(?:-[0-9A-Za-z]{18})?"
_POLLED = re.compile(POLLED_PATTERN)
SECOND_MS = 1_000


class PolledPosition(NamedTuple):
    """A place among an object's rows, ordered by SystemModstamp and Id."""

    modstamp_ms: int
    """Epoch milliseconds."""
    record_id: str | None = None
    """Last Id that was read of the rows with that SystemModstamp; None: none of them was."""

    @classmethod
    def parse(cls, text: str) -> "PolledPosition":
        """Raises `ValueError` for the position of a stream."""
        if _POLLED.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not the position of a polled lane")
        modstamp, _, record_id = text.partition("-")
        return cls(int(modstamp), record_id or None)

    @classmethod
    def at(cls, moment: datetime) -> "PolledPosition":
        """Everything before the moment's second has been read."""
        return cls(floor_to_second(epoch_ms(moment)))

    def __str__(self) -> str:
        tail = "" if self.record_id is None else f"-{self.record_id}"
        return f"{self.modstamp_ms:013d}{tail}"

    @property
    def moment(self) -> datetime:
        """The SystemModstamp, in UTC."""
        return datetime.fromtimestamp(self.modstamp_ms / 1_000, UTC)


def is_polled(position: str) -> bool:
    """True for what can be a polled lane's position; a replay id of 13 digits looks like one,
    too.
    """
    return _POLLED.fullmatch(position) is not None


def epoch_ms(moment: datetime | str) -> int:
    """A time in epoch milliseconds; a text is one of the org's JSON. Raises `ValueError` for a text
    that is no time.
    """
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return round(at.timestamp() * SECOND_MS)


def floor_to_second(moment_ms: int) -> int:
    """The beginning of the second that holds the moment."""
    return moment_ms // SECOND_MS * SECOND_MS


@dataclass(frozen=True, slots=True)
class PolledRow:
    """One record as a query read it."""

    record_id: str
    """18 characters."""
    modstamp_ms: int
    """SystemModstamp in epoch milliseconds, one-second resolution."""
    is_deleted: bool
    """True for a record in the recycle bin."""
    fields: Mapping[str, Any]
    """The catalogue's fields, in the forms of REST's JSON."""

    @property
    def position(self) -> PolledPosition:
        """The lane's position after this row."""
        return PolledPosition(self.modstamp_ms, self.record_id)


class Deletion(NamedTuple):
    """A record that was deleted, as the replication call lists it: without its values."""

    record_id: str
    deleted_ms: int
    """Epoch milliseconds, one-second resolution."""
