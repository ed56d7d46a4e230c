"""A Parquet file that is made one table after another."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class GrowingFile:
    """A file in memory: each table is one or more row groups, compressed at once."""

    def __init__(self, **options: Any) -> None:
        """`options`: of `pq.ParquetWriter`."""
        self.rows = 0
        """So far."""
        self._options = options
        self._sink = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Add a table, of the same columns as those before."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._sink, table.schema, **self._options)
        self._writer.write_table(table)
        self.rows += len(table)

    def body(self) -> bytes:
        """The whole file; no table can be added after it. Empty when there was no table."""
        if self._writer is not None:
            self._writer.close()
        return self._sink.getvalue()
