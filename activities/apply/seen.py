"""Find which changes of a group are new, and which records need the fold.

A batch that the ledger has does not come here: `Applier` answers it by `_applied_before`.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from clients.warehouse import Load, Transaction
from clients.warehouse.sql import apply as sql
from schemas.catalogue import ObjectSpec
from transforms.apply.base_rows import StoredBase, read_bases
from transforms.apply.logged_since import logged_since
from transforms.ingest.snapshots import REPAIRS
from transforms.ingest.wide_rows import is_bounded, room, widths


@dataclass
class SeenChanges:
    """A group's changes as the warehouse knows them."""

    spec: ObjectSpec
    is_new: list[bool]
    """By row of the group: neither logged before nor a second copy inside the group."""
    last_orders: dict[str, str]
    """record_id -> the last change applied to it, for the records that exist."""
    unknown_fields: dict[str, str]
    """record_id -> `unknown_fields` of its row, for those that have any."""
    is_behind: list[bool]
    """By row of the group: it is new, and older than the base of its record."""
    widths: dict[str, int] | None
    """record_id -> most bytes of its row, for the records that exist; None: the object's records
    always fit.
    """

    @classmethod
    def of(cls, transaction: Transaction, spec: ObjectSpec, incoming: pa.Table) -> "SeenChanges":
        """Ask while the temporary table `GROUPED` holds the changes' records
        (`grouped_records`).
        """
        ids = incoming["record_id"].to_pylist()
        orders = incoming["change_order"].to_pylist()
        rows = transaction.fetch(sql.find_last_orders(spec))
        last_orders: dict[str, str] = {record_id: order for record_id, order, _ in rows}
        unknown = {record_id: fields for record_id, _, fields in rows if fields is not None}
        suspects = {id_ for id_, order in zip(ids, orders, strict=True) if order <= last_orders.get(id_, "")}
        logged: set[tuple[str, str]] = set()
        bases: dict[str, StoredBase] = {}
        if suspects:
            _stage_records(transaction, sql.SUSPECT, sorted(suspects))
            earliest, latest = _commit_times(incoming, suspects)
            since = logged_since(earliest, datetime.now(UTC), latest=latest)
            logged = set(transaction.fetch(sql.find_logged_orders(spec), [since]))
            bases = read_bases(transaction.fetch(sql.find_bases(spec)), spec)
        is_new, is_behind = [], []
        for identity in zip(ids, orders, strict=True):
            stored = bases.get(identity[0])
            is_old = stored is not None and identity[1] <= stored.order
            new = identity not in logged and not (
                stored is not None and is_old and stored.covers(identity[1])
            )
            is_new.append(new)
            is_behind.append(new and is_old)
            logged.add(identity)
        wide = dict(transaction.fetch(sql.find_widths(spec))) if is_bounded(spec) else None
        return cls(spec, is_new, last_orders, unknown, is_behind, wide)

    def slow_records(self, new: pa.Table) -> set[str]:
        """Records with a change that is out of order or a text diff, that are repaired, or that
        may be too wide for their row.
        """
        last = self.last_orders
        names = ("record_id", "change_order", "diff_fields", "change_origin")
        columns = (new[name].to_pylist() for name in names)
        return {
            record_id
            for record_id, order, diffs, origin in zip(*columns, strict=True)
            if diffs is not None or order <= last.get(record_id, "") or origin in REPAIRS
        } | self._too_wide(new)

    def _too_wide(self, new: pa.Table) -> set[str]:
        """Records whose row may have become too wide, or was: only the fold knows which of their
        fields fit.
        """
        if self.widths is None:
            return set()
        total = Counter(self.widths)
        changes = Counter[str]()
        for record_id, width in zip(
            new["record_id"].to_pylist(), widths(new, self.spec).tolist(), strict=True
        ):
            total[record_id] += width
            changes[record_id] += 1
        return {
            record_id
            for record_id, count in changes.items()
            if record_id in self.unknown_fields
            # One change fits by itself: staging has seen to it.
            or (total[record_id] > room(self.spec) and (count > 1 or record_id in self.last_orders))
        }


def _commit_times(incoming: pa.Table, record_ids: set[str]) -> tuple[datetime, datetime]:
    """The earliest and the latest commit time of some records' changes."""
    ids = incoming["record_id"]
    some = pc.is_in(ids, value_set=pa.array(sorted(record_ids), ids.type))
    found = pc.min_max(incoming["changed_at"].filter(some)).as_py()
    return found["min"], found["max"]


def grouped_records(spec: ObjectSpec, incoming: pa.Table) -> Load:
    """The records of a group's changes, each once, for the temporary table `GROUPED`."""
    ids = incoming["record_id"].unique().sort()
    objects = pa.repeat(pa.scalar(spec.name, pa.large_string()), len(ids))
    rows = pa.table({"object": objects, "record_id": ids})
    return Load(sql.GROUPED, sql.GROUPED_LIST, rows, is_stage=True)


def _stage_records(transaction: Transaction, name: str, record_ids: list[str]) -> None:
    rows = pa.table({"record_id": pa.array(record_ids, pa.large_string())})
    transaction.stage(name, sql.RECORD_LIST, rows)
