"""How the rows of the audit log are chained: the hashes of a row, by the version that it was
written with.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

BEFORE_FIRST = "0" * 64
"""The hash before the first row."""
VERSION = 2
"""Of new rows. 1: fields joined by a separator, which a field could hold. 2: canonical JSON."""


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A row of the log as it is stored."""

    number: int
    version: int
    at: datetime
    act: str
    by: str
    target: str
    detail: str
    origin: str
    previous_hash: str
    hash: str

    def own_hash(self) -> str:
        """The hash that the row should have, in hex."""
        return row_hash(self)

    def content(self) -> bytes:
        """SHA-256 of what the row says, without its place: 32 bytes."""
        said = [self.version, _moment(self.at), self.act, self.by, self.target, self.detail, self.origin]
        return hashlib.sha256(orjson.dumps(said)).digest()


def row_hash(row: ChainRow) -> str:
    """The hash of a row with everything that it says and the hash before it, in hex."""
    if row.version == 1:
        facts = (
            str(row.number), _moment(row.at), row.act, row.by, row.target, row.detail, row.previous_hash
        )  # fmt: skip
        return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()
    said = [
        row.version, row.number, _moment(row.at), row.act, row.by, row.target, row.detail, row.origin,
        row.previous_hash,
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
