"""The look at the read copy that is taken every minute: whether it has every batch that was just
committed to the warehouse, and, one object at a time, whether its records are the warehouse's.

A process that does not know of the copy applies to the warehouse alone. Within a minute its
objects are read from the copy no more.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from activities.read_copy.compare import (
    PAUSE_SECONDS,
    compare_settled,
    note_comparison,
)
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.read_copy.standing import Standing, standings
from clients.warehouse.sql import copies
from clients.warehouse.sql.apply import MOST_LISTED
from schemas.catalogue import Catalogue

COMPARED_EVERY = timedelta(hours=1)
"""An object's records."""
_LOOKED_BACK = timedelta(minutes=15)


def check_copy(warehouse: Warehouse, catalogue: Catalogue, *, pause: float = PAUSE_SECONDS) -> None:
    """Take one look, and note what differs. Blocks. `pause`: as of `compare_settled`."""
    copy = warehouse.with_copy()[0]
    with copy.reading() as reading:
        rows = [row for row in standings(reading).values() if not row.is_being_filled]
    known = [row for row in rows if row.object in catalogue.objects]
    _check_ledger(warehouse, known)
    now = datetime.now(UTC)
    due = [row for row in known if row.checked_at is None or now - row.checked_at >= COMPARED_EVERY]
    if due:
        oldest = min(due, key=lambda row: row.checked_at or row.began_at)
        spec = catalogue.object(oldest.object)
        note_comparison(warehouse, spec.name, compare_settled(warehouse, spec, pause))


def _check_ledger(warehouse: Warehouse, rows: list[Standing]) -> None:
    copy, own = warehouse.with_copy()
    since = datetime.now(UTC) - _LOOKED_BACK
    batches: defaultdict[str, list[str]] = defaultdict(list)
    # The warehouse first: what it has, the copy has by the time that it is asked.
    with own.reading() as ours:
        for name, batch, _ in ours.fetch(copies.find_recent_batches(), [since]):
            batches[name].append(batch)
    with copy.reading() as theirs:
        missing = {row.object: _missing(theirs, row.object, batches[row.object]) for row in rows}
    for name, count in missing.items():
        if count:
            note_comparison(warehouse, name, f"{count:,} batches of the last minutes are not in it")


def _missing(theirs: Transaction, name: str, batches: list[str]) -> int:
    count = 0
    for first in range(0, len(batches), MOST_LISTED):
        some = batches[first : first + MOST_LISTED]
        count += len(some) - len(theirs.fetch(copies.find_known_batches(len(some)), [name, *some]))
    return count
