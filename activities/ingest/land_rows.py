"""Turn the rows of a backfill into batches: a page is encrypted, landed in slices
(`activities.ingest.land_page`), and each slice applied, a few at a time.

The order is law 1's: raw file, manifest, workflow. A slice that stands in the chain already was
landed by an earlier attempt and is only waited for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa
from temporalio.client import Client, WorkflowFailureError

from activities.ingest.follow_lane import start_batch
from activities.ingest.land_page import SLICE_BYTES, PageLanding, PagePlan
from activities.ingest.landing_span import LandingTime, land_measured
from clients.storage.chain import Chain, RowFacts
from clients.storage.objects import ObjectStore
from schemas.backfill import BackfillCounts
from schemas.catalogue import ObjectSpec
from schemas.errors import BatchFailedError
from schemas.ingest.messages import BatchResult
from schemas.ingest.raw import Manifest
from transforms.erasure.pages import erase_page
from transforms.ingest.row_pages import protect_page
from transforms.pii import Protector

SLICE_ROWS = 20_000
"""Rows of a batch at most: what the stream's changes of the same object may have to wait for."""
MOST_UNDER_WAY = 4
"""Batches that are landed and not applied: reading does not run away from the warehouse."""


@dataclass
class RowLanding:
    """Landing for one lane of a backfill. Open it with `landing`."""

    client: Client
    chain: Chain
    spec: ObjectSpec
    protector: Protector
    slice_rows: int = SLICE_ROWS
    slice_bytes: int = SLICE_BYTES
    counts: BackfillCounts = field(default_factory=BackfillCounts)
    """Of what has been applied."""

    def __post_init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    async def land_page(self, page: pa.Table, *, start: str, end: str, facts: RowFacts) -> None:
        """Land a page as the batches from `start` to `end`; returns when they are durable and not
        too many wait to be applied.
        """
        while True:
            landing = await self.open_page(start, end, facts)
            await landing.add(page)
            if await self.finish_page(landing):
                return

    async def open_page(self, start: str, end: str, facts: RowFacts) -> PageLanding:
        """A page whose rows come one part after another. Give it every row, then to
        `finish_page`.
        """
        plan = PagePlan(self.chain, self._protect, self.slice_rows, self.slice_bytes)
        landing = PageLanding(plan, start, end, facts)
        await landing.open()
        return landing

    async def finish_page(self, landing: PageLanding) -> bool:
        """Make a page durable that has come whole; returns when not too many of its batches wait to
        be applied. False = another reader has cut it otherwise: open it and give it every row
        again.
        """
        # Cancelled between the two, batches would be landed that nobody starts.
        batches = await asyncio.shield(self._claim_and_start(landing))
        for manifest in batches or ():
            await self.follow(manifest)
        return batches is not None

    async def land_batch(self, page: pa.Table, *, start: str, end: str, facts: RowFacts) -> str:
        """Land a page as one batch; returns the end of the batch that starts there now, which is
        another's when that was first.
        """
        return await self._land(await self._protected(page), start, end, facts)

    async def adopt(self, start: str) -> str:
        """Have whatever was landed from `start` on applied; returns where the chain ends."""
        position = start
        while (manifest := await asyncio.to_thread(self.chain.find, position)) is not None:
            await self.apply(manifest)
            position = manifest.end
        return position

    async def apply_known(self, start: str, end: str) -> bool:
        """Have the batches from `start` to `end` applied if all of them were landed before; False
        when they were not.
        """
        found, position = [], start
        while position != end:
            manifest = await asyncio.to_thread(self.chain.find, position)
            if manifest is None:
                return False
            found.append(manifest)
            position = manifest.end
        for manifest in found:
            await self.apply(manifest)
        return True

    async def apply_all(self) -> None:
        """Have every batch of the lane applied, whichever process landed it."""
        for manifest in await asyncio.to_thread(lambda: list(self.chain.landed())):
            await self.apply(manifest)

    async def start_all(self) -> None:
        """As `apply_all`, without waiting."""
        for manifest in await asyncio.to_thread(lambda: list(self.chain.landed())):
            await self.start(manifest)

    async def apply(self, manifest: Manifest) -> None:
        """Have the batch applied; returns when not too many are under way. Raises
        `BatchFailedError` for one that failed before.
        """
        await self.start(manifest)
        await self.follow(manifest)

    async def start(self, manifest: Manifest, landing: LandingTime | None = None) -> None:
        """Have the batch begun, unless it was."""
        await start_batch(self.client, manifest, landing=landing)

    async def follow(self, manifest: Manifest) -> None:
        """Count the batch when it is applied; returns when not too many are under way."""
        self._under_way.add(asyncio.create_task(self._finish(manifest)))
        while len(self._under_way) >= MOST_UNDER_WAY:
            await self._settle(asyncio.FIRST_COMPLETED)

    async def drain(self) -> None:
        """Wait until everything is applied."""
        while self._under_way:
            await self._settle(asyncio.ALL_COMPLETED)

    def abandon(self) -> None:
        """Wait no more. What was landed is applied all the same."""
        for task in self._under_way:
            task.cancel()

    async def _protected(self, page: pa.Table) -> pa.Table:
        return await asyncio.to_thread(self._protect, page)

    def _protect(self, page: pa.Table) -> pa.Table:
        page = protect_page(page, self.spec, self.protector)
        return erase_page(page, self.spec, self.protector.erased).raw

    async def _land(self, piece: pa.Table, start: str, end: str, facts: RowFacts) -> str:
        # Cancelled between the two, a batch would be landed that nobody starts.
        manifest = await asyncio.shield(self._land_and_start(piece, start, end, facts))
        await self.follow(manifest)
        return manifest.end

    async def _claim_and_start(self, landing: PageLanding) -> list[Manifest] | None:
        batches = await landing.claim()
        if batches is None:
            return None
        for manifest, landed in batches:
            await self.start(manifest, landed)
        return [manifest for manifest, _ in batches]

    async def _land_and_start(self, piece: pa.Table, start: str, end: str, facts: RowFacts) -> Manifest:
        land = partial(self.chain.land_rows, piece, start=start, end=end, facts=facts)
        manifest, landing = await land_measured(land)
        await self.start(manifest, landing)
        return manifest

    async def _settle(self, when: str) -> None:
        done, _ = await asyncio.wait(self._under_way, return_when=when)
        # Another page may have added to them meanwhile.
        self._under_way -= done
        for task in done:
            task.result()

    async def _finish(self, manifest: Manifest) -> None:
        handle = self.client.get_workflow_handle(manifest.workflow_id, result_type=BatchResult)
        try:
            result: BatchResult = await handle.result()
        except WorkflowFailureError as error:
            raise BatchFailedError(workflow_id=manifest.workflow_id) from error
        self.counts = self.counts.plus(
            BackfillCounts(
                rows=manifest.events,
                changes=result.landed,
                applied=result.applied,
                duplicate=result.duplicate,
                quarantined=result.quarantined,
                batches=1,
                bytes=manifest.raw_bytes,
            )
        )


@dataclass
class RowLandings:
    """Makes landings; one for a process."""

    client: Client
    store: ObjectStore
    protector: Protector
    slice_rows: int = SLICE_ROWS
    slice_bytes: int = SLICE_BYTES

    @asynccontextmanager
    async def landing(self, org: str, lane: str, spec: ObjectSpec) -> AsyncIterator[RowLanding]:
        """A landing whose batches are applied when left; left by an error, nothing is waited
        for.
        """
        chain = Chain(self.store, org=org, lane=lane, key_name=self.protector.key_name)
        made = RowLanding(self.client, chain, spec, self.protector, self.slice_rows, self.slice_bytes)
        try:
            yield made
            await made.drain()
        except BaseException:
            made.abandon()
            raise


def settled_before(asked_at: datetime, visibility_delay: timedelta) -> datetime:
    """Of what was read after `asked_at`, SystemModstamps before this time were of seconds that were
    over (`Manifest.settled_before`).
    """
    return (asked_at - visibility_delay).astimezone(UTC).replace(microsecond=0)
