"""One object's share of a batch while it is staged, part by part: what is held is the share's
files, compressed, and the latest part.
"""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.catalogue import ObjectSpec
from transforms.ingest.stage_events import ObjectSlice
from transforms.quality.personal import marked, sample_of

_COMPRESSION = "lz4"
"""Staged files live for minutes and are read once: cheap to write beats small."""


class StagedFile:
    """A Parquet file while its tables come."""

    def __init__(self) -> None:
        self.rows = 0
        self._sink = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Add a table, of the same columns as those before."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._sink,
                table.schema,
                compression=_COMPRESSION,
                use_dictionary=False,
                write_statistics=False,
            )
        self._writer.write_table(table)
        self.rows += len(table)

    def body(self) -> bytes:
        """The whole file; no table can be added after it."""
        if self._writer is not None:
            self._writer.close()
        return self._sink.getvalue()


class StagedShare:
    """The share; `sample` is how many of its changes are searched for personal data, 0 = none."""

    def __init__(self, sample: int = 0) -> None:
        self.landed = 0
        """Changes in the raw file."""
        self.typed = 0
        """Of these, in the file of changes."""
        self.refused = StagedFile()
        """The rest."""
        self._changes = StagedFile()
        self._latest: pa.Table | None = None
        """The one part that is not in the file yet."""
        self._sample = sample
        self._samples: list[pa.Table] = []

    def add(self, part: ObjectSlice) -> None:
        """Take what was staged of the next part of the raw file."""
        self.landed += part.landed
        if len(part.refused):
            self.refused.add(part.refused)
        if part.changes is None or not len(part.changes):
            return
        self.typed += len(part.changes)
        self._samples.append(sample_of(part.changes, self._sample))
        if self._latest is not None:
            self._changes.add(self._latest)
        self._latest = part.changes

    def changes(self, spec: ObjectSpec) -> bytes:
        """The file of changes, of which there must be one. A change of the last part has what the
        sample found.
        """
        if self._latest is not None:
            sample = sample_of(pa.concat_tables(self._samples), self._sample)
            self._changes.add(marked(self._latest, spec, sample))
        return self._changes.body()
