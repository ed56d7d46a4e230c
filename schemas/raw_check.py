"""Findings of a check of raw: manifests held against the objects that they name."""

from enum import StrEnum

from schemas.message import Message


class RawFault(StrEnum):
    """The fault of a batch's raw file."""

    MISSING = "missing"
    """The manifest names it, and the bucket has no such object."""
    SIZE = "size"
    """It has another number of bytes than was landed."""
    CHECKSUM = "checksum"
    """It has other bytes than were landed."""
    MANIFEST = "manifest"
    """The manifest itself cannot be read."""


class RawFinding(Message):
    """One batch whose raw file is not as it was landed."""

    fault: RawFault
    lane: str
    manifest: str
    """Key of the manifest."""
    raw: str
    """Key of the raw file; empty where the manifest cannot be read."""
    changes: int = 0
    """Landed changes that the file held."""


class RawReport(Message):
    """The outcome of a check."""

    lanes: int = 0
    batches: int = 0
    """Manifests held against their objects."""
    bytes: int = 0
    """Of the raw files, as landed."""
    checksums: int = 0
    """Files whose SHA-256 was compared: the one that S3 keeps, or that of the bytes read."""
    findings: tuple[RawFinding, ...] = ()
    """The first ones, `MOST_FINDINGS` at most."""
    faults: int = 0
    """All of them, counted."""

    @property
    def is_whole(self) -> bool:
        """True when nothing was found."""
        return self.faults == 0


MOST_FINDINGS = 1_000
"""Findings that a report lists: memory does not grow with what is lost."""
