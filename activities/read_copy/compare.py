"""The read copy against the warehouse: what was applied to one and not to the other, and the days
whose records differ.

The copy is written first, so it may be ahead. Records with changes of batches that only the copy
has are on their way, and are left out.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.read_copy.standing import (
    FILLED_AFRESH,
    lock_standings,
    standings,
    write_standing,
)
from clients.warehouse.sql import copies
from clients.warehouse.sql.apply import MOST_LISTED, RECORD_LIST, TOUCHED
from schemas.catalogue import ObjectSpec

LEDGER_COMPARED = timedelta(days=2)
LEDGER_BROUGHT = timedelta(days=3)
"""A fill brings more of the ledger than is compared: clocks differ, and a comparison begins
later.
"""
_BEFORE_COMMIT = timedelta(hours=1)
"""Changes are stamped before their batch is committed."""
_DAYS_LISTED = 60
"""Days whose records are compared one by one; when more differ, they are only counted."""
PAUSE_SECONDS = 30.0
"""An erasure, a replay or a hold is in the copy some seconds before it is in the warehouse."""
_LOOKS = 3


class _Row(NamedTuple):
    """The latest state of a record."""

    change_order: str
    version: int
    is_deleted: bool


def compare_settled(warehouse: Warehouse, spec: ObjectSpec, pause: float = PAUSE_SECONDS) -> str | None:
    """As `compare_object`. What differs is looked at again, so that work under way is no
    difference. `pause`: seconds between two looks. Blocks.
    """
    for _ in range(_LOOKS - 1):
        if compare_object(warehouse, spec) is None:
            return None
        time.sleep(pause)
    return compare_object(warehouse, spec)


def compare_object(warehouse: Warehouse, spec: ObjectSpec) -> str | None:
    """How the copy of an object differs from the warehouse, in a few words; None = it does not.
    Blocks, reads both, and locks nothing. Values are not compared.
    """
    copy, own = warehouse.with_copy()
    with own.reading() as ours:
        # Asked first: whatever the warehouse has now, the copy has by the time that it is asked.
        batches = _batches(ours, spec)
        erased = {row[0] for row in ours.fetch(copies.list_erased(), [spec.name])}
        with copy.reading() as theirs:
            missing = batches.keys() - _known(theirs, spec, sorted(batches))
            if missing:
                return f"{len(missing):,} batches of the last two days are not in it"
            if erased - {row[0] for row in theirs.fetch(copies.list_erased(), [spec.name])}:
                return "records that were erased are not named in it"
            on_their_way = _touched(theirs, spec, _ahead(ours, theirs, spec, batches))
            for each in (ours, theirs):
                each.stage(TOUCHED, RECORD_LIST, on_their_way)
            days = _differing(_days(ours, spec), _days(theirs, spec))
            if len(days) > _DAYS_LISTED:
                return f"records of {len(days):,} days differ"
            one, other = dict(_rows(ours, spec, days)), dict(_rows(theirs, spec, days))
    records = sum(one.get(name) != other.get(name) for name in one.keys() | other.keys())
    return f"{records:,} records differ" if records else None


def note_comparison(warehouse: Warehouse, name: str, differs: str | None) -> None:
    """Write down how the copy of an object was found. Reads of it are refused while it differs."""
    copy = warehouse.with_copy()[0]
    with copy.transaction() as transaction:
        lock_standings(transaction)
        row = standings(transaction).get(name)
        if row is not None and row.differs != FILLED_AFRESH:
            told = None if differs is None else differs[:1_000]
            write_standing(transaction, row._replace(checked_at=datetime.now(UTC), differs=told))


def _batches(reading: Transaction, spec: ObjectSpec) -> dict[str, datetime]:
    since = datetime.now(UTC) - LEDGER_COMPARED
    return dict(reading.fetch(copies.find_batches(), [spec.name, since]))


def _known(reading: Transaction, spec: ObjectSpec, batches: Sequence[str]) -> set[str]:
    """Those of the batches that the ledger has."""
    found: set[str] = set()
    for first in range(0, len(batches), MOST_LISTED):
        some = batches[first : first + MOST_LISTED]
        rows = reading.fetch(copies.find_known_batches(len(some)), [spec.name, *some])
        found |= {row[0] for row in rows}
    return found


def _ahead(
    ours: Transaction, theirs: Transaction, spec: ObjectSpec, known: Collection[str]
) -> dict[str, datetime]:
    """Batches that the copy has and the warehouse has not."""
    found = {name: at for name, at in _batches(theirs, spec).items() if name not in known}
    # One that the warehouse has had for longer than is compared was brought by a fill.
    older = _known(ours, spec, sorted(found))
    return {name: at for name, at in found.items() if name not in older}


def _touched(theirs: Transaction, spec: ObjectSpec, batches: dict[str, datetime]) -> pa.Table:
    """The records of changes of these batches."""
    names, ids = sorted(batches), set[str]()
    since = min(batches.values(), default=datetime.now(UTC)) - _BEFORE_COMMIT
    for first in range(0, len(names), MOST_LISTED):
        some = names[first : first + MOST_LISTED]
        ids |= {row[0] for row in theirs.fetch(copies.find_touched(spec, len(some)), [since, *some])}
    return pa.table({"record_id": pa.array(sorted(ids), pa.large_string())})


def _days(reading: Transaction, spec: ObjectSpec) -> dict[int, tuple[int, ...]]:
    rows = reading.fetch(copies.sum_days(spec))
    return {int(day): tuple(int(each) for each in sums) for day, *sums in rows}


def _differing(ours: dict[int, tuple[int, ...]], theirs: dict[int, tuple[int, ...]]) -> list[int]:
    return sorted(day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day))


def _rows(reading: Transaction, spec: ObjectSpec, days: Sequence[int]) -> Iterator[tuple[str, _Row]]:
    for day in days:
        for record_id, order, version, is_deleted in reading.fetch(copies.list_day(spec), [day]):
            yield record_id, _Row(order, int(version), bool(is_deleted))
