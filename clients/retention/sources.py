"""The tables whose months are archived, as one protocol: how rows are counted, read and removed."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import pyarrow as pa

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.arrow_rows import arrow_rows
from clients.warehouse.sql import retention as sql
from clients.warehouse.sql.apply import LEDGER, change_table
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ops_tables import LEDGER_COLUMNS
from schemas.tables import AUDIT, Column, change_columns, quoted
from transforms.erasure.changes import MARKS
from transforms.erasure.fields import erased_columns

Span = tuple[datetime, datetime]
"""From when, and until when; the second is not in it."""


class Source(Protocol):
    """A table of which sealed months are archived. Its methods block."""

    @property
    def name(self) -> str:
        """Stored in `ops.archive` and in keys: `audit.case_change`."""

    @property
    def time_column(self) -> str:
        """By which a row belongs to a month."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that name a row, the first ones first in the order of the archive."""

    @property
    def subject(self) -> str | None:
        """The column that names whose values a row holds; None = the table holds no protected
        values.
        """

    @property
    def protected(self) -> Set[str]:
        """Columns of which every value is sealed, as a text: those whose values an erasure
        takes.
        """

    @property
    def marks(self) -> Set[str]:
        """Further columns that an erasure changes: they say which values are gone."""

    @property
    def leaves_early(self) -> bool:
        """True = rows leave the table before the archive expires; False = with it."""

    def start(self) -> datetime | None:
        """A time at or before the first row; None = there is none."""

    def count(self, span: Span) -> int:
        """The rows of a span."""

    def count_by_second(self, span: Span) -> list[tuple[int, int]]:
        """Second since the epoch and its rows, of those seconds that have any."""

    def subjects(self, span: Span) -> list[str]:
        """Each subject of the rows once."""

    def read(self, span: Span) -> pa.Table:
        """The rows, sorted by `keys`."""


@dataclass(frozen=True)
class WarehouseSource:
    """A table of the warehouse."""

    warehouse: Warehouse
    name: str
    time_column: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    """As the catalogue has them."""
    spec: ObjectSpec | None = None
    """Of a change log; None = of the ledger."""
    protected: frozenset[str] = frozenset()
    others: tuple[str, ...] = field(default=())
    """Columns of fields that the catalogue has no more; they are archived as texts."""
    booleans: frozenset[str] = frozenset()
    """Those of `others` that are booleans."""
    marks: frozenset[str] = frozenset()

    @property
    def subject(self) -> str | None:
        return None if self.spec is None else "record_id"

    @property
    def leaves_early(self) -> bool:
        return self.spec is not None

    def start(self) -> datetime | None:
        with self.warehouse.reading() as reading:
            if self.spec is None:
                ((first,),) = reading.fetch(sql.find_start(self.name, self.time_column))
            else:
                # The change log may be a billion rows, and the ledger has one a batch. A batch
                # is committed after its changes were stamped, maybe in the next month.
                ((first,),) = reading.fetch(sql.find_ledger_start(), [self.spec.name])
        return first if first is None else first.astimezone(UTC)

    def count(self, span: Span) -> int:
        with self.warehouse.reading() as reading:
            return int(reading.fetch(sql.count_span(self.name, self.time_column), list(span))[0][0])

    def count_by_second(self, span: Span) -> list[tuple[int, int]]:
        with self.warehouse.reading() as reading:
            rows = reading.fetch(sql.count_by_second(self.name, self.time_column), list(span))
        return [(int(second), int(count)) for second, count in rows]

    def subjects(self, span: Span) -> list[str]:
        if self.subject is None:
            return []
        with self.warehouse.reading() as reading:
            rows = reading.fetch(sql.read_subjects(self.name, self.subject, self.time_column), list(span))
        return sorted(row[0] for row in rows)

    def read(self, span: Span) -> pa.Table:
        with self.warehouse.reading() as reading:
            return self.rows(reading, span)

    def rows(self, reading: Transaction, span: Span) -> pa.Table:
        """As `read`, within a transaction."""
        known = [column.name for column in self.columns]
        columns = [f"c.{quoted(name)}" for name in known]
        columns += [f"{self._as_text(name)} AS {quoted(name)}" for name in self.others]
        found = reading.fetch(sql.read_span(self.name, columns, self.time_column), list(span))
        fields = [(column.name, column.arrow) for column in self.columns]
        fields += [(name, pa.large_string()) for name in self.others]
        typed = arrow_rows(found, pa.schema(fields)).cast(self.schema())
        return typed.sort_by([(key, "ascending") for key in self.keys])

    def _as_text(self, name: str) -> str:
        column = f"c.{quoted(name)}"
        if name in self.booleans:
            # Redshift casts no boolean to a text. PostgreSQL's cast gives these two.
            return f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"
        return f"CAST({column} AS VARCHAR(65535))"

    def schema(self) -> pa.Schema:
        """Of `read`'s rows. Nothing is required: what the table lets be null is archived so."""
        text = pa.large_string()
        # An external id may be a number, and only a text has room for a sealed value.
        fields = [(each.name, text if each.name in self.protected else each.arrow) for each in self.columns]
        return pa.schema(fields + [(name, text) for name in self.others])


def warehouse_sources(warehouse: Warehouse, catalogue: Catalogue) -> list[WarehouseSource]:
    """The change log of each object, and the ledger."""
    existing = warehouse.existing_columns()
    found = [
        _change_log(warehouse, spec, existing.get(change_table(spec), frozenset()))
        for spec in catalogue.objects.values()
    ]
    ledger = WarehouseSource(warehouse, LEDGER, "committed_at", ("batch", "object"), LEDGER_COLUMNS)
    return [*found, ledger]


def _change_log(warehouse: Warehouse, spec: ObjectSpec, existing: Set[str]) -> WarehouseSource:
    columns = tuple(column for column in change_columns(spec) if not existing or column.name in existing)
    names = {column.name for column in columns}
    others = frozenset(existing - names)
    booleans: list[str] = []
    if others:
        with warehouse.reading() as reading:
            table = change_table(spec).partition(".")[2]
            booleans = [row[0] for row in reading.fetch(sql.find_booleans(), [AUDIT, table])]
    return WarehouseSource(
        warehouse,
        change_table(spec),
        "applied_at",
        ("record_id", "change_order"),
        columns,
        spec,
        # An erasure takes these from the table, and by the subject's key from the archive.
        (erased_columns(spec) & names) | others,
        tuple(sorted(others)),
        others.intersection(booleans),
        MARKS,
    )
