"""The result of a poll: rows, and ids of records that are gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.ingest.positions import PolledPosition


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
