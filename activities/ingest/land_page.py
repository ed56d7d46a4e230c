"""Land a page of rows while it comes. Memory holds a part of it, and no more for a larger page.

Rows are encrypted and written to raw files while they come. A file is put into S3 when it has its
rows or its bytes, and no manifest names it yet. Manifests follow when the whole page has come and
was counted, so a page that breaks off has landed nothing. No disk is used.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from activities.ingest.landing_span import LandingTime, land_measured
from clients.storage.chain import Chain, RowFacts
from clients.storage.raw_file import RowsFile
from schemas.errors import UnavailableError
from schemas.ingest.raw import Manifest

SLICE_BYTES = 32 * 1024**2
"""Of a batch's rows as Arrow has them, encrypted; a batch is staged whole."""
MOST_SECONDS = 30 * 60.0
"""From a page's first raw file to its manifests: an erasure deletes a raw file without a manifest
after an hour.
"""


@dataclass(frozen=True)
class PagePlan:
    """How a page's rows are landed."""

    chain: Chain
    protect: Callable[[pa.Table], pa.Table]
    slice_rows: int
    """Rows of a batch at most."""
    slice_bytes: int
    """A batch that has them is ended after the rows that came together."""


@dataclass
class PageLanding:
    """The page from `start` to `end`. Rows that stand in the chain already, from an earlier
    attempt, are passed over.
    """

    plan: PagePlan
    start: str
    end: str
    facts: RowFacts
    rows: int = 0
    """That have come so far."""
    most_bytes: int = 0
    """Held at once so far, as Arrow has them."""
    _landed: list[Manifest] = field(default_factory=list)
    _put: list[Manifest] = field(default_factory=list)
    _file: RowsFile = field(default_factory=RowsFile)
    _began: float = 0.0
    """When the first raw file was put, by a clock that nobody sets."""

    async def open(self) -> None:
        """Find out what was landed of the page before."""
        self._landed = await asyncio.to_thread(self._found)

    async def add(self, rows: pa.Table) -> None:
        """Take the next rows, in the clear."""
        await asyncio.to_thread(self._add, rows)

    async def claim(self) -> list[tuple[Manifest, LandingTime | None]] | None:
        """After the last row, make the page's batches durable; returns all of them, those that were
        landed before without a time. None = another reader has cut the page otherwise: it is to be
        read again.

        Raises `UnavailableError` when the page took too long to come.
        """
        if self._file.rows:
            await asyncio.to_thread(self._close)
        if self._put and time.monotonic() - self._began > MOST_SECONDS:
            detail = f"a page took more than {MOST_SECONDS / 60:.0f} minutes to come"
            raise UnavailableError(system="Salesforce", detail=detail)
        batches: list[tuple[Manifest, LandingTime | None]] = [(each, None) for each in self._landed]
        for place, each in enumerate(self._put, 1):
            ours = each.model_copy(update={"end": self.end}) if place == len(self._put) else each
            manifest, landing = await land_measured(partial(self.plan.chain.claim, ours))
            if manifest.end != ours.end:
                return None
            batches.append((manifest, landing))
        return batches

    def _found(self) -> list[Manifest]:
        found, position = [], self.start
        while position != self.end and (manifest := self.plan.chain.find(position)) is not None:
            found.append(manifest)
            position = manifest.end
        return found

    @property
    def _known_rows(self) -> int:
        return sum(each.events for each in self._landed)

    def _add(self, rows: pa.Table) -> None:
        known = min(max(self._known_rows - self.rows, 0), len(rows))
        self.rows += known
        for piece in self._cut(rows.slice(known)):
            self._file.add(self.plan.protect(piece))
            self.rows += len(piece)
            self.most_bytes = max(self.most_bytes, rows.nbytes + self._file.text_bytes)
            if self._file.rows >= self.plan.slice_rows or self._file.text_bytes >= self.plan.slice_bytes:
                self._close()

    def _cut(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The rows in pieces, none of which goes beyond a file."""
        first = 0
        while first < len(rows):
            piece = rows.slice(first, self.plan.slice_rows - self._file.rows)
            first += len(piece)
            yield piece

    def _close(self) -> None:
        """Put the file. Where it ends is settled when the next one begins, or the page ends."""
        if not self._put:
            self._began = time.monotonic()
        known = self._put or self._landed
        start = known[-1].end if known else self.start
        end = f"{self.start}.{self.rows}"
        self._put.append(self.plan.chain.put_rows(self._file, start=start, end=end, facts=self.facts))
        self._file = RowsFile()
