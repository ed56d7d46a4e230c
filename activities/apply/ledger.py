"""One batch's part of a group, what becomes of its changes, and its row in the ledger (law 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from clients.warehouse import Load
from clients.warehouse.sql import apply as sql
from schemas.errors import LedgerImbalanceError
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.ops_tables import LEDGER_COLUMNS
from schemas.tables import arrow_schema


@dataclass
class BatchSlice:
    """One batch's part of the group, and what becomes of its changes."""

    item: ApplyInput
    changes: pa.Table | None
    refused: pa.Table | None
    applied: int = 0
    duplicate: int = 0
    rebuilt: int = 0
    rereads: int = 0
    isolated: int = 0
    is_new: Sequence[bool] = ()
    """Of each change: the log did not know it."""
    is_fresh: bool = False
    """The ledger did not know the batch."""

    @property
    def batch(self) -> str:
        return self.item.manifest.batch

    def result(self) -> ApplyResult:
        staged = self.item.staged
        changed_at = (
            None
            if self.changes is None or not len(self.changes)
            else pc.max(self.changes["changed_at"]).as_py()
        )
        return ApplyResult(
            object=staged.object,
            landed=staged.landed,
            applied=self.applied,
            duplicate=self.duplicate,
            quarantined=0 if self.refused is None else len(self.refused),
            rebuilt=self.rebuilt,
            isolated=self.isolated,
            last_changed_at=changed_at,
            rereads=self.rereads,
        )


def count_changes(shares: Sequence[BatchSlice], incoming: pa.Table, is_new: list[bool]) -> None:
    """Tell each share which of its changes are new, and count them. `incoming` holds the changes of
    all shares, in their order.
    """
    by_batch = {share.batch: share for share in shares}
    for batch, new in zip(incoming["batch"].to_pylist(), is_new, strict=True):
        if new:
            by_batch[batch].applied += 1
        else:
            by_batch[batch].duplicate += 1
    place = 0
    for share in shares:
        count = 0 if share.changes is None else len(share.changes)
        share.is_new, place = is_new[place : place + count], place + count


def count_rebuilt(shares: Sequence[BatchSlice], new: pa.Table, slow: set[str]) -> None:
    """Count in each share the records whose new changes had them rebuilt from the log."""
    if not slow:
        return
    by_batch = {share.batch: share for share in shares}
    counted: set[tuple[str, str]] = set()
    for pair in zip(new["batch"].to_pylist(), new["record_id"].to_pylist(), strict=True):
        if pair[1] in slow and pair not in counted:
            counted.add(pair)
            by_batch[pair[0]].rebuilt += 1


def ledger_rows(shares: Sequence[BatchSlice]) -> Load:
    """A row a share; raises `LedgerImbalanceError` when law 8 does not hold for one."""
    rows = []
    for share in shares:
        result, manifest = share.result(), share.item.manifest
        if result.landed != result.applied + result.duplicate + result.quarantined:
            raise LedgerImbalanceError(
                batch=manifest.batch,
                object_name=result.object,
                landed=result.landed,
                applied=result.applied,
                duplicate=result.duplicate,
                quarantined=result.quarantined,
            )
        has_changes = share.changes is not None and len(share.changes) > 0
        first = pc.min(share.changes["changed_at"]).as_py() if has_changes else None  # type: ignore[index]
        facts = (manifest.batch, result.object, manifest.lane, manifest.start, manifest.end, manifest.raw_key)
        counts = (result.landed, result.applied, result.duplicate, result.quarantined, result.rebuilt)
        times = (
            first,
            result.last_changed_at,
            manifest.first_received_at,
            manifest.last_received_at,
            datetime.now(UTC),
        )
        rows.append((*facts, *counts, *times, result.isolated))
    # Together: a warehouse in columns writes a block of each column for every statement.
    schema = arrow_schema(LEDGER_COLUMNS)
    names = schema.names
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)
    return Load(sql.LEDGER, LEDGER_COLUMNS, table)
