"""The first span of a batch's trace: it was landed, and its workflow is started."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clients.metrics.changes import count_landed, timed
from clients.metrics.work import BATCH_SECONDS
from clients.telemetry.spans import Sampling, SpanKind, SpanSpec, record_span, span
from schemas.ids import is_page_batch
from schemas.ingest.raw import Manifest


@dataclass
class LandingTime:
    """When a batch was landed. Made before; `landed` is called after."""

    began_ns: int = field(default_factory=time.time_ns)
    ended_ns: int = 0
    is_ours: bool = False

    def landed(self, *, is_ours: bool) -> "LandingTime":
        """The raw file and the manifest are durable; False: they are another follower's."""
        self.ended_ns, self.is_ours = time.time_ns(), is_ours
        return self


async def land_measured(land: Callable[[], tuple[Manifest, bool]]) -> tuple[Manifest, LandingTime]:
    """Land a batch in a thread, and count it when it is ours.

    Args:
        land: Returns the manifest; False beside it = another follower has landed that batch.
    """
    landing = LandingTime()
    with timed(BATCH_SECONDS, "land"):
        manifest, is_ours = await asyncio.to_thread(land)
    if is_ours:
        count_landed(manifest)
    return manifest, landing.landed(is_ours=is_ours)


@contextmanager
def landing_span(manifest: Manifest, landing: LandingTime | None) -> Iterator[None]:
    """Make `lane.land` with its `s3.put` for a batch of ours, `lane.adopt` for another's or one
    that was found landed (None). The workflow is started inside.
    """
    is_ours = landing is not None and landing.is_ours
    spec = SpanSpec(
        "lane.land" if is_ours else "lane.adopt",
        {
            "tidegate.lane": manifest.lane,
            "tidegate.batch": manifest.batch,
            "tidegate.objects": sorted(filter(None, manifest.landed)),
            "tidegate.changes": manifest.changes,
            "messaging.batch.message_count": manifest.events,
        },
        SpanKind.CONSUMER,
        workflow_id=manifest.workflow_id,
        is_first=is_ours,
        sampling=Sampling.PAGES if is_page_batch(manifest.workflow_id) else Sampling.BATCHES,
        began_ns=None if landing is None else landing.began_ns,
    )
    with span(spec):
        if landing is not None and is_ours:
            size = {"tidegate.bytes": manifest.raw_bytes}
            put = SpanSpec("s3.put", size, SpanKind.CLIENT, began_ns=landing.began_ns)
            record_span(put, landing.ended_ns)
        yield
