"""Take the values of some records out of a batch's raw table, whichever form it has."""

from collections.abc import Collection

import pyarrow as pa

from schemas.catalogue import Catalogue
from schemas.ingest.raw import Form, Manifest
from transforms.erasure.events import ErasedRaw, erase_events
from transforms.erasure.pages import erase_page
from transforms.pii import Protector


def erase_raw(
    raw: pa.Table, manifest: Manifest, catalogue: Catalogue, protector: Protector, ids: Collection[str]
) -> ErasedRaw:
    """The batch's raw table with the events or rows of some records erased."""
    if not ids:
        return ErasedRaw(raw, 0, 0)
    if manifest.form is Form.ROWS:
        (name,) = manifest.landed
        return erase_page(raw, catalogue.objects.get(name), ids)
    return erase_events(raw, catalogue.objects, ids, protector.open_unknown)
