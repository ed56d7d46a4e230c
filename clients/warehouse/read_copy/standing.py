"""How the read copy stands, object by object: `ops.copied`.

An object is read once it is filled and while it does not differ from the warehouse. An object of
which the warehouse has nothing yet is filled as it is.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clients.warehouse.protocol import Transaction, Warehouse
from clients.warehouse.sql.apply import (
    COPIED,
    ERASED,
    LEDGER,
    MOST_LISTED,
    insert_row,
    placeholders,
)
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ops_tables import COPIED_COLUMNS, ERASED_COLUMNS

NOT_FILLED = "is not filled yet"
FILLED_AFRESH = "it is being filled afresh"
"""Stands in `differs` while a copy that was emptied is filled; no comparison takes it away."""
_LOCK = "copied"
_NAMES = ", ".join(column.sql for column in COPIED_COLUMNS)


class Standing(NamedTuple):
    """A row of `ops.copied`."""

    object: str
    table_name: str
    """That the object's tables begin with."""
    began_at: datetime
    """Of the last fill."""
    after: str
    """The last record that this fill has brought; "" = none yet."""
    records: int
    """That this fill has brought."""
    filled_at: datetime | None
    """None = the first fill has not ended."""
    checked_at: datetime | None
    """Last comparison with the warehouse. None = none yet."""
    differs: str | None
    """How the copy differs from the warehouse. None = it does not, as far as is known."""

    @property
    def is_being_filled(self) -> bool:
        """True between the beginning and the end of a fill."""
        return self.filled_at is None or self.after != "" or self.differs == FILLED_AFRESH

    @property
    def refusal(self) -> str | None:
        """Why the object is not read from the copy. None = it is."""
        if self.filled_at is None:
            return NOT_FILLED
        return None if self.differs is None else f"differs from the warehouse ({self.differs})"


def list_standings() -> str:
    """Every row of `ops.copied`, in the order of `Standing`."""
    return f"SELECT {_NAMES} FROM {COPIED} ORDER BY object"


def standings(transaction: Transaction) -> dict[str, Standing]:
    """Object -> how it stands, of those that have a row."""
    return {row[0]: Standing(*row) for row in transaction.fetch(list_standings())}


def write_standing(transaction: Transaction, row: Standing) -> None:
    """Put the row in the place of the object's. Only one may do so at a time (`lock_standings`)."""
    transaction.execute(f"DELETE FROM {COPIED} WHERE object = %s", [row.object])
    transaction.execute(insert_row(COPIED, COPIED_COLUMNS), list(row))


def lock_standings(transaction: Transaction) -> None:
    """Keep other writers of `ops.copied` out until the transaction ends."""
    transaction.lock_object(_LOCK)


def take_standing(own: Warehouse, copy: Warehouse, catalogue: Catalogue) -> None:
    """Name in the copy the records that were erased in the warehouse, and call filled those
    objects of which the warehouse has nothing.
    """
    with copy.transaction() as transaction:
        lock_standings(transaction)
        known = standings(transaction)
        fresh = [spec for spec in catalogue.objects.values() if spec.name not in known]
        bring_erased(own, transaction)
        if not fresh:
            return
        with own.reading() as reading:
            applied = {row[0] for row in reading.fetch(f"SELECT DISTINCT object FROM {LEDGER}")}
        for spec in fresh:
            if spec.name not in applied:
                write_standing(transaction, _empty(spec))


def bring_erased(own: Warehouse, transaction: Transaction) -> set[str]:
    """Name in the copy every record that the warehouse names as erased; returns those that it
    lacked.
    """
    names = ", ".join(column.sql for column in ERASED_COLUMNS)
    with own.reading() as reading:
        rows = {row[0]: row for row in reading.fetch(f"SELECT {names} FROM {ERASED}")}
    missing = rows.keys() - _of_these(transaction, sorted(rows))
    for record_id in sorted(missing):
        transaction.execute(insert_row(ERASED, ERASED_COLUMNS), list(rows[record_id]))
    return set(missing)


def _of_these(transaction: Transaction, ids: Sequence[str]) -> Iterable[str]:
    found: set[str] = set()
    for first in range(0, len(ids), MOST_LISTED):
        some = ids[first : first + MOST_LISTED]
        query = f"SELECT record_id FROM {ERASED} WHERE record_id IN ({placeholders(len(some))})"
        found |= {row[0] for row in transaction.fetch(query, some)}
    return found


def _empty(spec: ObjectSpec) -> Standing:
    now = datetime.now(UTC)
    return Standing(spec.name, spec.table, now, "", 0, now, None, None)
