"""The bytes of a raw file: Parquet, whole or a row group at a time."""

from typing import Any

import pyarrow as pa

from clients.storage.growing_file import GrowingFile
from transforms.ingest.row_pages import count_changes

_ZSTD_LEVEL = 1
"""Events are many and alike: higher levels cost processor time that the peak does not have."""


class RowsFile(GrowingFile):
    """A raw file of rows while they come: each addition is a row group, and compressed at once."""

    def __init__(self) -> None:
        super().__init__(**_options([]))
        self.changes = 0
        """That the rows are."""
        self.text_bytes = 0
        """Of the rows as Arrow has them, before they are compressed."""

    def add(self, table: pa.Table) -> None:
        """Add rows (columns of `transforms.ingest.row_pages`, protected, at least one row), in the
        columns of those before.
        """
        super().add(table)
        self.changes += count_changes(table)
        self.text_bytes += table.nbytes


def parquet(table: pa.Table, *, dictionary: list[str], statistics: list[str] | None = None) -> bytes:
    """A table as one file; `dictionary` and `statistics` name columns that have one."""
    file = GrowingFile(**_options(dictionary, statistics))
    file.add(table)
    return file.body()


def _options(dictionary: list[str], statistics: list[str] | None = None) -> dict[str, Any]:
    return {
        "compression": "zstd",
        "compression_level": _ZSTD_LEVEL,
        "use_dictionary": dictionary,
        "write_statistics": statistics or False,
    }
