"""Tables of the operational store whose months are archived: the audit log, and the attempts at
writebacks that it seals.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.retention.sources import Span
from clients.writeback.attempts.values import VALUES
from transforms.retention.seal import json_text

SUBJECT = "subject"
"""A column of the archive alone: whose values the row holds."""
_NAMELESS = "writeback/"
"""Before the number of a writeback of which no record is known."""


@dataclass
class StoreSource:
    """A table of the operational store, with whatever columns it has by now."""

    dsn: Database
    table: str
    time_column: str
    keys: tuple[str, ...]
    subject_sql: str = ""
    """The subject of a row; "" = its rows hold no protected values."""
    protected: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    leaves_early: bool = False

    @property
    def name(self) -> str:
        """As of `Source`."""
        return f"store.{self.table}"

    @property
    def subject(self) -> str | None:
        """As of `Source`."""
        return SUBJECT if self.subject_sql else None

    def start(self) -> datetime | None:
        """As of `Source`."""
        with translated_database(), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(self.table):
                return None
            first = connection.execute(sa.select(sa.func.min(self._table.c[self.time_column]))).scalar()
        return None if first is None else first.astimezone(UTC)

    def count(self, span: Span) -> int:
        """As of `Source`."""
        query = sa.select(sa.func.count()).select_from(self._table).where(*self._within(span))
        with translated_database(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def count_by_second(self, span: Span) -> list[tuple[int, int]]:
        """As of `Source`."""
        second = sa.cast(sa.func.floor(sa.extract("epoch", self._table.c[self.time_column])), sa.BigInteger)
        query = (
            sa.select(second, sa.func.count()).where(*self._within(span)).group_by(second).order_by(second)
        )
        with translated_database(), self._engine.connect() as connection:
            return [(int(row[0]), int(row[1])) for row in connection.execute(query)]

    def subjects(self, span: Span) -> list[str]:
        """As of `Source`."""
        if not self.subject_sql:
            return []
        query = sa.select(self._subject).where(*self._within(span)).distinct()
        with translated_database(), self._engine.connect() as connection:
            return sorted(row[0] for row in connection.execute(query))

    def read(self, span: Span) -> pa.Table:
        """As of `Source`. JSON values are texts with sorted keys."""
        query = sa.select(*self._table.c, *([self._subject] if self.subject_sql else [])).where(
            *self._within(span)
        )
        with translated_database(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        schema = self._schema()
        json_columns = {c.name for c in self._table.c if isinstance(c.type, JSONB)}
        arrays = []
        for place, field in enumerate(schema):
            values: list[Any] = [row[place] for row in rows]
            if field.name in json_columns:
                values = [json_text(value) for value in values]
            arrays.append(pa.array(values, field.type))
        table = pa.Table.from_arrays(arrays, schema=schema)
        return table.sort_by([(key, "ascending") for key in self.keys])

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _schema(self) -> pa.Schema:
        fields = [pa.field(column.name, _arrow(column.type)) for column in self._table.c]
        return pa.schema(fields + ([pa.field(SUBJECT, pa.large_string())] if self.subject_sql else []))

    def _within(self, span: Span) -> tuple[sa.ColumnElement[bool], ...]:
        column = self._table.c[self.time_column]
        return column >= span[0], column < span[1]

    @property
    def _subject(self) -> sa.ColumnElement[str]:
        return sa.literal_column(self.subject_sql, sa.Text).label(SUBJECT)

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_engine(self.dsn)

    @cached_property
    def _table(self) -> sa.Table:
        return sa.Table(self.table, sa.MetaData(), autoload_with=self._engine)


def store_sources(dsn: Database) -> tuple[StoreSource, ...]:
    """The audit log and the attempts. Both stay in the store: acts are verified as one chain."""
    return (
        StoreSource(dsn, "audit_log", "at", ("number",)),
        StoreSource(
            dsn,
            "writeback_attempt",
            "known_at",
            ("number", "attempt"),
            f"COALESCE(record_id, '{_NAMELESS}' || CAST(number AS TEXT))",
            # With a salt at hand, its digest tells a value to somebody who tries them all.
            frozenset({*VALUES, "salt"}),
            frozenset({"erased_by"}),
        ),
    )


def attempt_subjects(numbers: Iterable[int]) -> set[str]:
    """The subjects of attempts at writebacks of which no record was known."""
    return {f"{_NAMELESS}{number}" for number in numbers}


def _arrow(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    if isinstance(kind, sa.Integer):  # BigInteger and SmallInteger are such
        return pa.int64()
    if isinstance(kind, sa.Boolean):
        return pa.bool_()
    # The hashes of acts are made of microseconds.
    return pa.timestamp("us", tz="UTC") if isinstance(kind, sa.DateTime) else pa.large_string()
