"""The read copy against the warehouse: what was applied to one and not to the other, and the days
whose records differ.

The copy is written first, so it may be ahead. A record that the copy has by a batch which the
warehouse's ledger lacks is on its way and no difference.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.read_copy.standing import lock_standings, standings, write_standing
from clients.warehouse.sql import copies
from clients.warehouse.sql.apply import MOST_LISTED
from schemas.catalogue import ObjectSpec

LEDGER_COMPARED = timedelta(days=2)
LEDGER_BROUGHT = timedelta(days=3)
"""A fill brings more of the ledger than is compared: clocks differ, and a comparison begins later."""
_DAYS_LISTED = 60
"""Days whose records are compared one by one; when more differ, they are only counted."""


class _Row(NamedTuple):
    """The latest state of a record."""

    change_order: str
    version: int
    is_deleted: bool
    batch: str


def compare_object(warehouse: Warehouse, spec: ObjectSpec) -> str | None:
    """How the copy of an object differs from the warehouse, in one sentence; None = it does not.
    Blocks, reads both, and locks nothing. Values are not compared.
    """
    copy, own = warehouse.with_copy()
    with own.reading() as ours:
        # Asked first: whatever the warehouse has now, the copy has by the time that it is asked.
        batches = _batches(ours, spec)
        erased = {row[0] for row in ours.fetch(copies.list_erased(), [spec.name])}
        days = _days(ours, spec)
        with copy.reading() as theirs:
            missing = batches - _known(theirs, spec, sorted(batches))
            erased -= {row[0] for row in theirs.fetch(copies.list_erased(), [spec.name])}
            differing = _differing(days, _days(theirs, spec))
            if missing:
                return f"{len(missing):,} batches of the last two days are not in it"
            if erased:
                return f"{len(erased):,} erased records are not named in it"
            if len(differing) > _DAYS_LISTED:
                return f"records of {len(differing):,} days differ"
            records = _differing_records(ours, theirs, spec, differing)
    return f"{len(records):,} records differ" if records else None


def note_comparison(warehouse: Warehouse, name: str, differs: str | None) -> None:
    """Write down how the copy of an object was found. Reads of it are refused while it differs."""
    copy = warehouse.with_copy()[0]
    with copy.transaction() as transaction:
        lock_standings(transaction)
        row = standings(transaction).get(name)
        if row is not None:
            told = None if differs is None else differs[:1_000]
            write_standing(transaction, row._replace(checked_at=datetime.now(UTC), differs=told))


def _batches(reading: Transaction, spec: ObjectSpec) -> set[str]:
    since = datetime.now(UTC) - LEDGER_COMPARED
    return {row[0] for row in reading.fetch(copies.find_batches(), [spec.name, since])}


def _known(reading: Transaction, spec: ObjectSpec, batches: Sequence[str]) -> set[str]:
    """Those of the batches that the ledger has."""
    found: set[str] = set()
    for first in range(0, len(batches), MOST_LISTED):
        some = batches[first : first + MOST_LISTED]
        rows = reading.fetch(copies.find_known_batches(len(some)), [spec.name, *some])
        found |= {row[0] for row in rows}
    return found


def _days(reading: Transaction, spec: ObjectSpec) -> dict[int, tuple[int, ...]]:
    rows = reading.fetch(copies.sum_days(spec))
    return {int(day): tuple(int(each) for each in sums) for day, *sums in rows}


def _differing(ours: dict[int, tuple[int, ...]], theirs: dict[int, tuple[int, ...]]) -> list[int]:
    return sorted(day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day))


def _differing_records(
    ours: Transaction, theirs: Transaction, spec: ObjectSpec, days: Sequence[int]
) -> set[str]:
    """The records of some days that differ, and that nothing is on its way for. A record may lie in
    another day of the copy, which then differs, too.
    """
    one, other = dict(_rows(ours, spec, days)), dict(_rows(theirs, spec, days))
    suspect = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    ahead = {name: other[name].batch for name in suspect & other.keys()}
    applied = _known(ours, spec, sorted(set(ahead.values())))
    return {name for name in suspect if name not in ahead or ahead[name] in applied}


def _rows(reading: Transaction, spec: ObjectSpec, days: Sequence[int]) -> Iterator[tuple[str, _Row]]:
    for day in days:
        for record_id, order, version, is_deleted, batch in reading.fetch(copies.list_day(spec), [day]):
            yield record_id, _Row(order, int(version), bool(is_deleted), batch)
