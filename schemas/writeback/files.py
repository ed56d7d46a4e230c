"""Writebacks that come as the rows of a file."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from schemas.message import Message
from schemas.writeback.messages import Mode, RefusedWriteback

CHUNK_ROWS = 10_000
"""Rows that are read and accepted at once."""
SHOWN_REFUSALS = 100
"""Refusals that an answer has; those beyond are in a file."""
MOST_REFUSALS = 100_000
"""Refusals after which reading stops: something is wrong with the whole file."""
MOST_LINE = 4 * 1024 * 1024
"""Bytes of one row: a line of NDJSON or CSV, or a row of Parquet as JSON."""
MOST_ROWS = 1_000_000
"""Rows of a file."""
MOST_COLUMNS = 1_000
"""Columns of a file: an object of Salesforce has 800 custom fields at most ("Custom Fields Allowed
Per Object", Salesforce Help).
"""
MOST_GROUP_BYTES = 256 * 1024 * 1024
"""Inflated bytes of one row group of a Parquet file."""
MOST_INFLATED = 100
"""Bytes of rows for each stored byte of a file, beyond `FREE_INFLATED`: honest texts compress
less.
"""
FREE_INFLATED = 64 * 1024 * 1024
READER_BYTES = 512 * 1024 * 1024
"""Memory that the process that reads a file may take, beyond its start."""
READER_CPU_SECONDS = 120
"""Processor time of that process."""
READER_SECONDS = 900
"""Time for a whole file, its acceptance included."""


class FileFormat(StrEnum):
    """The rows' format."""

    CSV = "csv"
    """UTF-8, commas, a header. An empty cell leaves its field alone, `#N/A` empties it (as in Bulk
    API).
    """
    NDJSON = "ndjson"
    """A JSON object a line. null empties a field; a row with `fields` is a whole writeback."""
    PARQUET = "parquet"
    """A null leaves its field alone."""


class RowDefaults(Message):
    """Shared values of the rows of a file. Columns are `external_id`, `key` and fields; a parent's
    is `Account.ExternalId__c`.
    """

    object: str = Field(max_length=80)
    key_field: str | None = None
    """The external id field; None: the object's only one."""
    deadline: AwareDatetime | None = None
    priority: int = Field(default=5, ge=0, le=9)
    may_create: bool = True
    mode: Mode = Mode.ORDERED


class FileIntake(Message):
    """The outcome of a file. Reading it again is harmless: a row is known by its key."""

    rows: int
    """Read."""
    accepted: int
    """New ones."""
    repeated: int
    """Accepted before under the same keys."""
    refused: int
    refusals: tuple[RefusedWriteback, ...]
    """The first hundred; `index` is the row's number, 1 for the first one, a header not counted."""
    refusals_key: str | None = None
    """Where all of them are, as NDJSON, when there are more; None: these are all."""
    trouble: str = ""
    """Why reading stopped before the end, and what to do; empty when it did not."""
