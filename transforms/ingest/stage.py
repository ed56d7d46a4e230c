"""A landed batch as typed tables, whichever form its raw file has."""

import pyarrow as pa

from schemas.catalogue import Catalogue
from schemas.ingest.raw import Form, Manifest
from transforms.ingest.stage_events import ObjectSlice, stage_objects
from transforms.ingest.stage_rows import PageFacts, stage_rows


def stage_batch(raw: pa.Table, manifest: Manifest, catalogue: Catalogue) -> dict[str, ObjectSlice]:
    """The shares of a batch's raw file by the object's name as received."""
    if manifest.form is Form.EVENTS:
        return stage_objects(raw, catalogue, batch=manifest.batch)
    (name,) = manifest.landed
    facts = PageFacts(
        batch=manifest.batch,
        position=manifest.end,
        settled_before=manifest.settled_before,
        reading=manifest.reading,
        stands_at=manifest.stands_at,
        received_at=manifest.last_received_at,
        is_partial=manifest.is_partial,
    )
    return {name: stage_rows(raw, catalogue.object(name), catalogue, facts)}
