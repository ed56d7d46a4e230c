"""Anchors of the audit log, and the outcome of holding the log against them."""

from datetime import datetime
from typing import Final

from schemas.message import Message

ANCHOR_ROWS: Final = 10_000
"""The most rows that one anchor speaks of: an object of half a megabyte."""
DIGEST_BYTES: Final = 32


class Anchor(Message):
    """The head of the log at one moment, with what each row since the last anchor said."""

    format: int = 1
    org: str
    first: int
    """The first row that it speaks of."""
    number: int
    """The last one."""
    hash: str
    """The hash of the last one."""
    digests: str
    """SHA-256 of what each of these rows says, one after the other, base64."""
    previous: str
    """SHA-256 of the anchor before, hex; empty = it is the first."""
    at: datetime
    algorithm: str
    key_id: str
    signature: str = ""
    """Over the SHA-256 of the anchor without it, base64."""


class AuditVerdict(Message):
    """The log, held against its own chain and its anchors."""

    problems: tuple[str, ...]
    acts: int
    """Rows that were read."""
    anchors: int | None = None
    """Anchors that were read; None = no bucket for them is set."""
    anchored_to: int = 0
    """The last row that an anchor speaks of: what comes after it can still be cut off unseen."""
    anchored_at: datetime | None = None
    """When; None = there is no anchor."""
    unproven: int = 0
    """Acts whose author is only claimed."""
