"""Records as the warehouse has them now, and how fresh that is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clients.warehouse.records import statements as sql
from clients.warehouse.records.sessions import ReadSessions, Row
from schemas.catalogue import ObjectSpec


@dataclass(frozen=True, slots=True)
class Fresh:
    """The last commit of the object that the answer shows."""

    commit: int
    """1, 2, 3 … of the object; 0 = nothing was applied to it by a release that numbers commits."""
    applied_at: datetime | None
    """The time of the commit's changes; None = as of `commit` 0."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record's state, as a row of a curated table has it."""

    record_id: str
    values: Sequence[Any]
    """In catalogue order."""
    is_deleted: bool
    is_complete: bool
    unknown_fields: str | None
    """As of `schemas.tables.UNKNOWN_FIELDS`."""
    version: int
    change_order: str
    changed_at: datetime
    applied_at: datetime
    valid_to: datetime | None = None
    """When the next version began; None = the record's latest state."""


class RecordReader:
    """Reads current rows. One for an event loop."""

    def __init__(self, sessions: ReadSessions) -> None:
        self.sessions = sessions

    async def freshness(self, spec: ObjectSpec) -> Fresh:
        """The object's last commit."""
        [row] = await self.sessions.fetch(sql.find_freshness(), (spec.name, spec.name))
        return fresh_of(row)

    async def record(self, spec: ObjectSpec, record_id: str) -> tuple[Fresh, RecordRow] | None:
        """One record by its id of 18 characters; None = the warehouse has none of it."""
        rows = await self.sessions.fetch(sql.find_record(spec), (spec.name, spec.name, record_id))
        return _first(rows, spec)

    async def records(
        self, spec: ObjectSpec, record_ids: Sequence[str]
    ) -> tuple[Fresh | None, list[RecordRow]]:
        """Those of some records that there are, by id. No freshness = there is none of them."""
        parameters = (spec.name, spec.name, list(record_ids))
        return _all(await self.sessions.fetch(sql.find_records(spec), parameters), spec)

    async def page(
        self,
        spec: ObjectSpec,
        chosen: Mapping[str, Any],
        *,
        after: str,
        count: int,
        deleted: bool = False,
    ) -> tuple[Fresh | None, list[RecordRow]]:
        """The next records by id.

        Args:
            spec: The object.
            chosen: Column -> the value that it has.
            after: The id after which to go on; "" = from the first.
            count: The most records.
            deleted: Deleted records, too.
        """
        statement = sql.list_records(spec, list(chosen), count, deleted=deleted)
        parameters = (spec.name, spec.name, *chosen.values(), after)
        return _all(await self.sessions.fetch(statement, parameters), spec)


def fresh_of(row: Row) -> Fresh:
    """The freshness with which a row begins."""
    return Fresh(row[0] or 0, row[1])


def current_row(row: Row, spec: ObjectSpec) -> RecordRow:
    """A row in the columns of `current_columns`, after its freshness."""
    ends = 3 + len(spec.fields)
    is_deleted, is_complete, unknown, version, order, changed_at, applied_at = row[ends : ends + 7]
    return RecordRow(
        record_id=row[2],
        values=row[3:ends],
        is_deleted=is_deleted,
        is_complete=is_complete,
        unknown_fields=unknown,
        version=version,
        change_order=order,
        changed_at=changed_at,
        applied_at=applied_at,
    )


def _first(rows: Iterable[Row], spec: ObjectSpec) -> tuple[Fresh, RecordRow] | None:
    return next(((fresh_of(row), current_row(row, spec)) for row in rows), None)


def _all(rows: list[Row], spec: ObjectSpec) -> tuple[Fresh | None, list[RecordRow]]:
    return fresh_of(rows[0]) if rows else None, [current_row(row, spec) for row in rows]
