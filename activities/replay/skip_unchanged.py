"""Find batch shares that a replay can skip, from event headers alone.

When the change log has every change of a batch's object and quarantine has none of them, staging
it again could change nothing. Its headers cost a sixth of what its values cost, so a replay of
what is known goes four times as fast.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from activities.replay.restage import Landed
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import replay as sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.raw import Form
from schemas.tables import arrow_schema
from transforms.replay.change_keys import identities_of


class Headers(NamedTuple):
    """The facts in a batch's headers."""

    batch: str
    by_object: dict[str, pa.Table]
    """Object -> record and place of each of its changes; an object with a header that cannot be
    read is left out.
    """


def headers_of(landed: Landed) -> Headers:
    """The batch's headers. A page of rows has none: its typed values cost no more than they
    would.
    """
    is_events = landed.manifest.form is Form.EVENTS
    return Headers(landed.manifest.batch, identities_of(landed.raw) if is_events else {})


def settled_shares(
    warehouse: Warehouse, catalogue: Catalogue, headers: Sequence[Headers]
) -> dict[tuple[str, str], int]:
    """Batch and object -> changes, of the shares that are applied to the last change."""
    by_object: defaultdict[str, dict[str, pa.Table]] = defaultdict(dict)
    for each in headers:
        for name, identities in each.by_object.items():
            by_object[name][each.batch] = identities
    found: dict[tuple[str, str], int] = {}
    for name, shares in by_object.items():
        spec = catalogue.objects.get(name)
        if spec is not None:
            with warehouse.transaction() as transaction:
                settled = _settled(transaction, spec, shares)
            found |= {(batch, name): count for batch, count in settled.items()}
    return found


def _settled(transaction: Transaction, spec: ObjectSpec, shares: dict[str, pa.Table]) -> dict[str, int]:
    rows = transaction.fetch(sql.find_ledger_counts(len(shares)), [spec.name, *shares])
    balanced = [
        batch
        for batch, landed, _, _, quarantined, *_ in rows
        if not quarantined and landed == len(shares[batch])
    ]
    if not balanced:
        return {}
    every = pa.concat_tables([shares[batch] for batch in balanced])
    numbered = every.append_column("number", pa.array(np.arange(len(every))))
    staged = numbered.cast(arrow_schema(sql.IDENTITY_COLUMNS))
    transaction.stage(sql.IDENTITIES, sql.IDENTITY_COLUMNS, staged)
    lacking = np.zeros(len(every), np.bool_)
    lacking[[number for (number,) in transaction.fetch(sql.find_unlogged(spec))]] = True
    ends = np.cumsum([len(shares[batch]) for batch in balanced])
    parts = np.split(lacking, ends[:-1])
    return {batch: len(part) for batch, part in zip(balanced, parts, strict=True) if not part.any()}
