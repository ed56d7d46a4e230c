"""Facts that S3 tells of an object without its bytes."""

from base64 import b64decode
from datetime import datetime
from typing import NamedTuple


class ObjectEntry(NamedTuple):
    """An object in a listing."""

    key: str
    written_at: datetime
    bytes: int


class ObjectFacts(NamedTuple):
    """The facts that S3 knows of an object."""

    size: int
    """Bytes."""
    sha256: str | None
    """Hex. None = the object was put without one."""


def hex_checksum(checksum: str | None) -> str | None:
    """A checksum of S3 as hex; None for one of a composite object, which is not of its bytes."""
    if checksum is None or "-" in checksum:
        return None
    return b64decode(checksum).hex()
