"""Classes of data in the object store: each may have a bucket and a KMS key of its own.

Lifecycle rules and grants differ by class. Raw batches expire after 13 months, staged ones after
days, and the wrapped data key never: without it no encrypted field can be read.
"""

from enum import StrEnum
from typing import Final


class DataClass(StrEnum):
    """A class of data, as in the settings."""

    RAW = "raw"
    STAGED = "staged"
    KEYS = "keys"
    INTAKE = "intake"
    ARCHIVE = "archive"
    OTHER = "other"
    """Reports, plans, jobs, descriptions: always in the bucket of all."""


PREFIXES: Final = {
    "raw": DataClass.RAW,
    "chain": DataClass.RAW,
    "staged": DataClass.STAGED,
    "load": DataClass.STAGED,
    "unload": DataClass.STAGED,
    "keys": DataClass.KEYS,
    "intake": DataClass.INTAKE,
    "intake-refused": DataClass.INTAKE,
    "preview": DataClass.INTAKE,
    "archive": DataClass.ARCHIVE,
    "anchors": DataClass.ARCHIVE,
}
"""First part of an object's key -> its class. Any other part is `OTHER`."""


def data_class(key: str) -> DataClass:
    """The class of an object's key, or of a prefix that ends with `/`."""
    return PREFIXES.get(key.partition("/")[0], DataClass.OTHER)
