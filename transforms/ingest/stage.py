"""A landed batch as typed tables, whichever form its raw file has."""

from datetime import datetime

import pyarrow as pa

from schemas.catalogue import Catalogue
from schemas.ingest.positions import epoch_ms
from schemas.ingest.raw import Form, Manifest
from transforms.ingest.stage_events import ObjectSlice, stage_objects
from transforms.ingest.stage_rows import PageFacts, stage_rows


def stage_batch(
    raw: pa.Table, manifest: Manifest, catalogue: Catalogue, *, judged_at: datetime | None = None
) -> dict[str, ObjectSlice]:
    """The shares of a batch's raw file by the object's name as received.

    `judged_at`: when it is staged once more; a change that was ahead of the clock may be in the
    past by then. None = it is judged by its receipt, so that every attempt says the same.
    """
    if manifest.form is Form.EVENTS:
        judged_ms = 0 if judged_at is None else epoch_ms(judged_at)
        return stage_objects(raw, catalogue, batch=manifest.batch, judged_ms=judged_ms)
    (name,) = manifest.landed
    facts = PageFacts(
        batch=manifest.batch,
        position=manifest.end,
        settled_before=manifest.settled_before,
        reading=manifest.reading,
        stands_at=manifest.stands_at,
        received_at=manifest.last_received_at,
        is_partial=manifest.is_partial,
        judged_at=judged_at,
    )
    return {name: stage_rows(raw, catalogue.object(name), catalogue, facts)}
