"""Records as they were: valid at one time, as known at another; and their versions.

Valid time is `changed_at`, the commit in Salesforce; the time of knowing is `applied_at`, the
commit in the warehouse. Versions as known today stand in history; any others are folded from the
change log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clients.warehouse.records import statements as sql
from clients.warehouse.records.reader import Fresh, RecordRow, fresh_of
from clients.warehouse.records.sessions import ReadSessions, Row
from clients.warehouse.sql.apply import change_table
from schemas.catalogue import ObjectSpec
from transforms.apply.base_rows import StoredBase, read_bases
from transforms.apply.fold import HEAD, LoggedChange, SealedTexts, Version, fold

_DECEMBER = 12
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_LAST_VERSION = 2**62
_LEFT_MONTH, _HAS_BASE = 2, 3
"""Places in a row of `read_logged`."""


@dataclass(frozen=True)
class Archived:
    """The answer needs changes that only the archive has."""

    until: datetime
    """Changes that were applied before it have left the warehouse."""


class RecordTimes:
    """Reads records at times."""

    def __init__(self, sessions: ReadSessions) -> None:
        self._sessions = sessions

    async def record_at(
        self,
        spec: ObjectSpec,
        record_id: str,
        *,
        as_of: datetime,
        known_at: datetime | None,
        sealed: SealedTexts | None = None,
    ) -> tuple[Fresh, RecordRow | Archived | None]:
        """The record's state.

        Args:
            spec: The object.
            record_id: 18 characters.
            as_of: The state that was valid then.
            known_at: By the changes that were applied until then. None = by all.
            sealed: Opens encrypted texts that came as diffs.
        """
        if known_at is None and spec.history:
            parameters = (spec.name, spec.name, record_id, as_of)
            fresh, rows = _beside(await self._sessions.fetch(sql.find_version(spec), parameters))
            return fresh, version_row(rows[0], spec) if rows else None
        fresh, versions = await self._folded(spec, record_id, known_at, sealed)
        if isinstance(versions, Archived):
            return fresh, versions
        return fresh, _valid(versions, as_of)

    async def versions(
        self,
        spec: ObjectSpec,
        record_id: str,
        *,
        before: int | None,
        count: int,
        known_at: datetime | None = None,
    ) -> tuple[Fresh, list[RecordRow] | Archived]:
        """The next `count` versions, the newest first; `before`: those with a smaller number, None
        = from the last. `known_at`: as of `record_at`.
        """
        last = _LAST_VERSION if before is None else before
        if known_at is None and spec.history:
            parameters = (spec.name, spec.name, record_id, last, count)
            fresh, rows = _beside(await self._sessions.fetch(sql.list_versions(spec), parameters))
            return fresh, [version_row(row, spec) for row in rows]
        fresh, versions = await self._folded(spec, record_id, known_at, None)
        if isinstance(versions, Archived):
            return fresh, versions
        chosen = [each for each in reversed(versions) if each.version < last]
        return fresh, [_row_of(each) for each in chosen[:count]]

    async def left_until(self, spec: ObjectSpec) -> datetime | None:
        """Changes that were applied before this time have left the change log; None = all are
        there.
        """
        [(month,)] = await self._sessions.fetch(sql.find_left_months(), (change_table(spec),))
        return end_of_month(month)

    async def _folded(
        self,
        spec: ObjectSpec,
        record_id: str,
        known_at: datetime | None,
        sealed: SealedTexts | None,
    ) -> tuple[Fresh, list[Version] | Archived]:
        until = _ALWAYS if known_at is None else known_at
        parameters = (spec.name, spec.name, change_table(spec), record_id, record_id, until)
        logged = (sql.read_logged(spec), parameters)
        rows, bases = await self._sessions.fetch(*logged), []
        if rows[0][_HAS_BASE]:
            rows, bases = await self._sessions.fetch_together(logged, (sql.read_base(spec), (record_id,)))
        fresh, left = fresh_of(rows[0]), end_of_month(rows[0][_LEFT_MONTH])
        changes = _logged(rows)
        base = read_bases(bases, spec).get(record_id)
        if base is not None and left is not None and _needs_archive(base, changes, until, left):
            return fresh, Archived(left)
        return fresh, fold(changes, spec, None if base is None else base.base, sealed)


def _beside(rows: list[Row]) -> tuple[Fresh, list[Row]]:
    """The freshness, and the rows that there are beside it."""
    return fresh_of(rows[0]), [row for row in rows if row[2] is not None]


def _logged(rows: list[Row]) -> list[LoggedChange]:
    there = (row[_HAS_BASE + 1 :] for row in rows if row[_HAS_BASE + 1] is not None)
    return [LoggedChange(*(*row[:HEAD], row[HEAD:])) for row in there]


def end_of_month(month: str | None) -> datetime | None:
    """The first moment after a month such as `2026-11`; None for none."""
    if month is None:
        return None
    year, number = map(int, month.split("-"))
    return datetime(year + number // _DECEMBER, number % _DECEMBER + 1, 1, tzinfo=UTC)


def version_row(row: Row, spec: ObjectSpec) -> RecordRow:
    """A row in the columns of `history_columns`, after its freshness."""
    ends = 3 + len(spec.fields)
    is_deleted, is_complete, unknown, version, valid_from, valid_to, _, order, _, applied_at = row[
        ends : ends + 10
    ]
    return RecordRow(
        record_id=row[2],
        values=row[3:ends],
        is_deleted=is_deleted,
        is_complete=is_complete,
        unknown_fields=unknown,
        version=version,
        change_order=order,
        changed_at=valid_from,
        applied_at=applied_at,
        valid_to=valid_to,
    )


def _needs_archive(
    base: StoredBase, changes: Sequence[LoggedChange], known_at: datetime, left: datetime
) -> bool:
    """True when the base stands for changes that were not known yet, or hides one that came
    late.
    """
    late = (each for each in changes if each.change_order <= base.order)
    return known_at < left or any(not base.covers(each.change_order) for each in late)


def _valid(versions: Sequence[Version], as_of: datetime) -> RecordRow | Archived | None:
    """The version that was valid then; the first one may be a base, before which the archive
    knows more.
    """
    chosen = [each for each in versions if each.valid_from <= as_of]
    if chosen:
        return _row_of(chosen[-1])
    if versions and versions[0].version > 1:
        return Archived(versions[0].valid_from)
    return None


def _row_of(version: Version) -> RecordRow:
    return RecordRow(
        record_id=version.record_id,
        values=version.values,
        is_deleted=version.is_deleted,
        is_complete=version.is_complete,
        unknown_fields=version.unknown_fields,
        version=version.version,
        change_order=version.change_order,
        changed_at=version.valid_from,
        applied_at=version.applied_at,
        valid_to=version.valid_to,
    )
