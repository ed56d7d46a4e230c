"""Laws 1 and 2: a lane's batches as a chain of manifests, each created once, each named by where it
starts.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from clients.storage.objects import ObjectStore
from clients.storage.raw_file import RowsFile, parquet
from schemas.errors import ChainBrokenError, CredentialsRejectedError
from schemas.ids import ORIGIN, manifest_key, manifest_prefix, raw_key, raw_name
from schemas.ingest.raw import RAW_SCHEMA, Form, Manifest, RawErasure


class RowFacts(NamedTuple):
    """The facts to remember about a page of rows."""

    object: str
    received_at: datetime
    settled_before: datetime | None
    """As of `Manifest`."""
    reading: int
    """As of `Manifest`."""
    stands_at: datetime | None = None
    """As of `Manifest`."""
    is_partial: bool = False
    """As of `Manifest`."""


class Chain:
    """The chain of one lane."""

    def __init__(self, store: ObjectStore, *, org: str, lane: str, key_name: str = "") -> None:
        """`key_name`: as of `Manifest.data_key`, for those who land."""
        self._store = store
        self._key_name = key_name
        self.org = org
        self.lane = lane

    def find(self, start: str) -> Manifest | None:
        """The batch that starts at `start`, or None when the chain ends there; raises
        `ChainBrokenError` on what is no manifest.
        """
        key = manifest_key(self.org, self.lane, start)
        found = self._store.find(key)
        return None if found is None else self._read(key, found)

    def walk(self, start: str = ORIGIN) -> Iterator[Manifest]:
        """The batches from `start` to the chain's end, in order; raises `ChainBrokenError` on a
        loop.
        """
        position = start
        while (manifest := self.find(position)) is not None:
            if manifest.end == position:
                raise ChainBrokenError(lane=self.lane, detail=f"the batch at {position} ends where it starts")
            yield manifest
            position = manifest.end

    def landed(self) -> Iterator[Manifest]:
        """Every batch of the lane, also those that are beyond a gap: pages may be landed side by
        side.
        """
        for key in self._store.keys(manifest_prefix(self.org, self.lane)):
            yield self._read(key, self._store.get(key))

    def land(self, raw: pa.Table, *, start: str, after_hole: bool = False) -> tuple[Manifest, bool]:
        """Make `raw` (columns of `RAW_SCHEMA`, at least one row) the batch that starts at `start`.

        Returns the batch that now starts there, and whether it is ours: another follower may
        have been first, then it is theirs and may end elsewhere. Either way it is durable when
        this returns.
        """
        body = parquet(raw, dictionary=["object"], statistics=["position", "received_at"])
        digest = hashlib.sha256(body).hexdigest()
        received: pa.ChunkedArray = raw["received_at"]
        manifest = Manifest(
            org=self.org,
            lane=self.lane,
            start=start,
            end=raw["position"][-1].as_py(),
            raw_key=raw_key(self.org, self.lane, start, digest, _landing_day(received)),
            raw_sha256=digest,
            raw_bytes=len(body),
            events=len(raw),
            landed=_landed(raw),
            first_received_at=received[0].as_py(),
            last_received_at=received[-1].as_py(),
            after_hole=after_hole,
            data_key=self._key_name,
        )
        self._store.put_confirmed(manifest.raw_key, body, digest)
        return self.claim(manifest)

    def land_rows(self, page: pa.Table, *, start: str, end: str, facts: RowFacts) -> tuple[Manifest, bool]:
        """As `land`, of a page of rows (columns of `transforms.ingest.row_pages`, protected, at
        least one row).
        """
        file = RowsFile()
        file.add(page)
        return self.claim(self.put_rows(file, start=start, end=end, facts=facts))

    def put_rows(self, file: RowsFile, *, start: str, end: str, facts: RowFacts) -> Manifest:
        """Put a raw file of rows; returns the manifest with which `claim` makes it a batch.

        Until then nobody knows of the file, and nothing of it is landed. An erasure takes it for
        left behind after an hour.
        """
        body = file.body()
        digest = hashlib.sha256(body).hexdigest()
        manifest = Manifest(
            org=self.org,
            lane=self.lane,
            start=start,
            end=end,
            raw_key=raw_key(self.org, self.lane, start, digest, facts.received_at),
            raw_sha256=digest,
            raw_bytes=len(body),
            events=file.rows,
            landed={facts.object: file.changes},
            first_received_at=facts.received_at,
            last_received_at=facts.received_at,
            form=Form.ROWS,
            settled_before=facts.settled_before,
            reading=facts.reading,
            stands_at=facts.stands_at,
            is_partial=facts.is_partial,
            data_key=self._key_name,
        )
        self._store.put_confirmed(manifest.raw_key, body, digest)
        return manifest

    def replace_raw(self, manifest: Manifest, raw: pa.Table, erasure: RawErasure) -> Manifest:
        """Put a raw file without the values of erased records in the place of a batch's, and delete
        every version of the former one; returns the new manifest.

        The place, the end and the counts stay, so the chain does. The new file is durable before
        the manifest names it, and the former one goes last: a killed step is done again.
        """
        options: dict[str, list[str]] = {"dictionary": []}
        if manifest.form is Form.EVENTS:
            options = {"dictionary": ["object"], "statistics": ["position", "received_at"]}
        body = parquet(raw, **options)
        digest = hashlib.sha256(body).hexdigest()
        folder = manifest.raw_key.rpartition("/")[0]
        changed = manifest.model_copy(
            update={
                "raw_key": f"{folder}/{raw_name(manifest.start, digest)}",
                "raw_sha256": digest,
                "raw_bytes": len(body),
                "events": len(raw),
                "erasures": (*manifest.erasures, erasure),
            }
        )
        self._store.put(changed.raw_key, body)
        key = manifest_key(self.org, self.lane, manifest.start)
        self._store.put(key, changed.model_dump_json().encode())
        if changed.raw_key != manifest.raw_key:
            self._store.purge(manifest.raw_key)
        return changed

    def _read(self, key: str, body: bytes) -> Manifest:
        try:
            return Manifest.model_validate_json(body)
        except ValidationError as error:
            detail = f"{key} is no manifest ({len(body)} bytes, {error.errors()[0]['msg']}); bring its first version back"
            raise ChainBrokenError(lane=self.lane, detail=detail) from error

    def claim(self, manifest: Manifest) -> tuple[Manifest, bool]:
        """Law 2: the batch that starts there now, and whether it is ours. Law 1: the raw file must
        be there already.
        """
        start = manifest.start
        if self._store.create(manifest_key(self.org, self.lane, start), manifest.model_dump_json().encode()):
            return manifest, True
        winner = self.find(start)
        if winner is None:
            raise ChainBrokenError(lane=self.lane, detail=f"the manifest at {start} vanished")
        if winner.raw_key != manifest.raw_key:
            # Followers need not be allowed to delete raw files: it stays then, and ends with its
            # time.
            with suppress(CredentialsRejectedError):
                self._store.delete(manifest.raw_key)
        return winner, winner == manifest

    def read_raw(self, manifest: Manifest) -> pa.Table:
        """A batch's raw file; raises `ChainBrokenError` when it is not the file that was landed.

        A file that an erasure has replaced since the manifest was read is read in its present form.
        """
        # A page has the columns of its object as they were when it was landed.
        schema = RAW_SCHEMA if manifest.form is Form.EVENTS else None
        return pq.read_table(pa.BufferReader(self._raw_body(manifest)), schema=schema)

    def raw_parts(self, manifest: Manifest, most_bytes: int) -> Iterator[pa.Table]:
        """As `read_raw`, a page of rows in parts of some `most_bytes` as they are in memory, in
        their order; events at once.
        """
        if manifest.form is Form.EVENTS:
            yield self.read_raw(manifest)
            return
        with pq.ParquetFile(pa.BufferReader(self._raw_body(manifest))) as file:
            groups = file.metadata
            size = sum(groups.row_group(number).total_byte_size for number in range(groups.num_row_groups))
            rows = max(1, groups.num_rows * most_bytes // max(size, 1))
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield pa.Table.from_batches([batch])

    def _raw_body(self, manifest: Manifest) -> bytes:
        found = self._store.find(manifest.raw_key)
        if found is None:
            present = self.find(manifest.start)
            if present is not None and present.erasures[: len(manifest.erasures)] == manifest.erasures:
                manifest = present
        body = self._store.get(manifest.raw_key) if found is None else found
        if hashlib.sha256(body).hexdigest() != manifest.raw_sha256:
            raise ChainBrokenError(lane=self.lane, detail=f"{manifest.raw_key} was altered after landing")
        return body


def _landing_day(received: pa.ChunkedArray) -> datetime:
    day: datetime = received[0].as_py()
    return day


def _landed(raw: pa.Table) -> dict[str, int]:
    counted = raw.group_by("object").aggregate([("changes", "sum")])
    return dict(zip(counted["object"].to_pylist(), counted["changes_sum"].to_pylist(), strict=True))
