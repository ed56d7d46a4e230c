"""Fill the read copy of an object from the warehouse, while batches are applied to both.

Some records a transaction, in the order of their ids. A fill that was interrupted goes on where it
was. It is done when the copy is equal to the warehouse; from then on records are read from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from activities.read_copy.compare import LEDGER_BROUGHT, PAUSE_SECONDS, compare_settled
from activities.read_copy.slices import bring_slice, read_slice
from clients.retention.archived_months import archived_months, keep_month
from clients.warehouse import Load, Transaction, Warehouse
from clients.warehouse.arrow_rows import arrow_rows
from clients.warehouse.live_catalogue import check_revision
from clients.warehouse.read_copy.standing import (
    FILLED_AFRESH,
    Standing,
    bring_erased,
    lock_standings,
    standings,
    write_standing,
)
from clients.warehouse.sql import apply as sql, copies
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ops_tables import LEDGER_COLUMNS
from schemas.security.retention import MonthState
from schemas.tables import arrow_schema
from transforms.pii import Protector

RECORDS_AT_ONCE = 2_000
"""Of one transaction: the object's batches wait for it."""
Tell = Callable[[int], None]
"""Called with the records that were brought so far."""


@dataclass(frozen=True)
class FilledCopy:
    """The outcome of a fill."""

    object: str
    records: int
    """Records that were looked at."""
    changes: int
    """Changes that the copy lacked."""
    differs: str | None
    """How the copy differs from the warehouse after it. None = it does not, so it is read."""


@dataclass
class CopyFiller:
    """Fills a copy. Its methods block."""

    warehouse: Warehouse
    """With a copy."""
    catalogue: Catalogue
    protector: Protector
    records_at_once: int = RECORDS_AT_ONCE
    pause: float = PAUSE_SECONDS
    """Seconds between two looks, where the copy differs at the end."""

    def fill(self, name: str, *, afresh: bool = False, tell: Tell = lambda _: None) -> FilledCopy:
        """Bring the copy of an object what it lacks, and compare.

        Args:
            name: API name.
            afresh: Empty the object's tables in the copy first. Until the end it is not read.
            tell: As of `Tell`.

        Raises:
            StaleCatalogueError: The fields were changed meanwhile. Fill again, it goes on.
            UnknownObjectError: The catalogue lacks the object.
        """
        done = self._filled(name, afresh=afresh, tell=tell)
        if done.differs is None:
            return done
        # A batch that was between the two when the copy was emptied is brought by a second one.
        again = self._filled(name, afresh=False, tell=tell)
        return replace(again, changes=done.changes + again.changes)

    def _filled(self, name: str, *, afresh: bool, tell: Tell) -> FilledCopy:
        spec = self.catalogue.object(name)
        standing = self._begin(spec, afresh=afresh)
        as_new, changes = standing.filled_at is not None, 0
        while True:
            standing, brought, is_last = self._bring(standing, as_new=as_new)
            changes += brought
            tell(standing.records)
            if is_last:
                break
        differs = compare_settled(self.warehouse, spec, self.pause)
        now = datetime.now(UTC)
        self._keep(standing._replace(after="", filled_at=now, checked_at=now, differs=differs))
        return FilledCopy(name, standing.records, changes, differs)

    def _begin(self, spec: ObjectSpec, *, afresh: bool) -> Standing:
        """Where the fill goes on; what the copy must know before the first record is brought."""
        copy, own = self.warehouse.with_copy()
        months = [
            row
            for row in archived_months(own)
            if row.source == sql.change_table(spec) and row.state in (MonthState.DROPPED, MonthState.EXPIRED)
        ]
        with own.reading() as reading:
            since = datetime.now(UTC) - LEDGER_BROUGHT
            ledger = reading.fetch(copies.list_batches(), [spec.name, since])
        with copy.transaction() as transaction:
            transaction.lock_object(spec.table)
            lock_standings(transaction)
            row = standings(transaction).get(spec.name)
            if row is not None and row.after and not afresh:
                return row
            if afresh:
                for table in sql.tables_of(spec):
                    transaction.execute(copies.empty(table))
                transaction.execute(copies.forget_batches(), [spec.name])
            bring_erased(own, transaction)
            for month in months:
                keep_month(transaction, month)
            _bring_ledger(transaction, spec, ledger)
            begun = _begun(spec, row, afresh=afresh)
            write_standing(transaction, begun)
        return begun

    def _bring(self, standing: Standing, *, as_new: bool) -> tuple[Standing, int, bool]:
        """Bring the next records; returns how far it is, the changes that were written, and whether
        there are no more.
        """
        name = standing.object
        # The revision first, so that the fields are those of it or newer ones.
        known, spec = self.catalogue.revision_of(name), self.catalogue.object(name)
        copy, own = self.warehouse.with_copy()
        with own.reading() as reading:
            found = read_slice(reading, spec, standing.after, self.records_at_once)
        with copy.transaction() as transaction:
            transaction.lock_object(spec.table)
            check_revision(transaction, name, known)
            brought = bring_slice(transaction, spec, found, self.protector, as_new=as_new)
            records = standing.records + len(found.record_ids)
            after = standing.after if found.last is None else found.last
            reached = standing._replace(after=after, records=records)
            lock_standings(transaction)
            write_standing(transaction, reached)
        return reached, brought, found.last is None

    def _keep(self, row: Standing) -> None:
        with self.warehouse.with_copy()[0].transaction() as transaction:
            lock_standings(transaction)
            write_standing(transaction, row)


def _begun(spec: ObjectSpec, row: Standing | None, *, afresh: bool) -> Standing:
    """At the beginning of a fill. A copy that was filled before is read meanwhile: nothing is taken
    from it, unless it is emptied.
    """
    now = datetime.now(UTC)
    if row is None:
        return Standing(spec.name, spec.table, now, "", 0, None, None, None)
    differs = FILLED_AFRESH if afresh else row.differs
    return row._replace(began_at=now, after="", records=0, differs=differs)


def _bring_ledger(transaction: Transaction, spec: ObjectSpec, rows: list[tuple[object, ...]]) -> None:
    """Name the batches that the warehouse has: the records that are read later hold their
    changes.
    """
    batches = [str(row[0]) for row in rows]
    known: set[str] = set()
    for first in range(0, len(batches), sql.MOST_LISTED):
        some = batches[first : first + sql.MOST_LISTED]
        known |= {
            row[0] for row in transaction.fetch(copies.find_known_batches(len(some)), [spec.name, *some])
        }
    fresh = [row for row in rows if row[0] not in known]
    table = _all_duplicate(arrow_rows(fresh, arrow_schema(LEDGER_COLUMNS)))
    transaction.load_all([Load(sql.LEDGER, LEDGER_COLUMNS, table)])


def _all_duplicate(rows: pa.Table) -> pa.Table:
    """Rows of the ledger as if the copy had known every change: a replay that comes before the fill
    may apply any of them.
    """
    none = pa.repeat(pa.scalar(0, pa.int64()), len(rows))
    new = {
        "applied": none,
        "quarantined": none,
        "rebuilt": none,
        "isolated": none,
        "duplicate": rows["landed"],
    }
    for name, values in new.items():
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(place), values.cast(rows.schema.field(place).type))
    return rows
