"""One object's share of a batch, staged part by part. Memory holds its compressed files and the
latest part.
"""

import pyarrow as pa

from clients.storage.growing_file import GrowingFile
from schemas.catalogue import ObjectSpec
from transforms.ingest.stage_events import ObjectSlice
from transforms.quality.personal import marked, sample_of


def _staged_file() -> GrowingFile:
    # Staged files live for minutes and are read once: cheap to write beats small.
    return GrowingFile(compression="lz4", use_dictionary=False, write_statistics=False)


class StagedShare:
    """The share; `sample` is how many of its changes are searched for personal data, 0 = none."""

    def __init__(self, sample: int = 0) -> None:
        self.landed = 0
        """Changes in the raw file."""
        self.typed = 0
        """Of these, in the file of changes."""
        self.refused = _staged_file()
        """The rest."""
        self._changes = _staged_file()
        self._latest: pa.Table | None = None
        """The one part that is not in the file yet."""
        self._sample = sample
        self._samples: list[pa.Table] = []

    def add(self, part: ObjectSlice) -> None:
        """Add the staged rows of the next part of the raw file."""
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
