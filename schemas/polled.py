"""What a query tells of records: rows, and ids of records that are gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.positions import PolledPosition


@dataclass(frozen=True, slots=True)
class PolledRow:
    """One record as a query read it."""

    position: PolledPosition
    """The lane's position after this row; its Id is the record's."""
    is_deleted: bool
    """True for a record in the recycle bin."""
    fields: Mapping[str, Any]
    """The catalogue's fields, in the forms of REST's JSON."""


class Deletion(NamedTuple):
    """A record that was deleted, as the replication call lists it: without its values."""

    record_id: str
    deleted_ms: int
    """Epoch milliseconds, one-second resolution."""
