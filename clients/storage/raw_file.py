"""The bytes of a raw file: Parquet, whole or a row group at a time."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.ingest.row_pages import count_changes

_ZSTD_LEVEL = 1
"""Events are many and alike: higher levels cost processor time that the peak does not have."""


class RowsFile:
    """A raw file of rows while they come: each addition is a row group, and compressed at once."""

    def __init__(self) -> None:
        self._sink = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0
        """So far."""
        self.changes = 0
        """That the rows are."""
        self.text_bytes = 0
        """Of the rows as Arrow has them, before they are compressed."""

    def add(self, page: pa.Table) -> None:
        """Add rows (columns of `transforms.ingest.row_pages`, protected, at least one row), in the
        columns of those before.
        """
        if self._writer is None:
            self._writer = _writer(self._sink, page.schema, [])
        self._writer.write_table(page)
        self.rows += len(page)
        self.changes += count_changes(page)
        self.text_bytes += page.nbytes

    def body(self) -> bytes:
        """The whole file. No rows can be added after it."""
        if self._writer is not None:
            self._writer.close()
        return self._sink.getvalue()


def parquet(table: pa.Table, *, dictionary: list[str], statistics: list[str] | None = None) -> bytes:
    """A table as one file; `dictionary` and `statistics` name columns that have one."""
    sink = io.BytesIO()
    with _writer(sink, table.schema, dictionary, statistics) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _writer(
    sink: io.BytesIO, schema: pa.Schema, dictionary: list[str], statistics: list[str] | None = None
) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=dictionary,
        write_statistics=statistics or False,
    )
