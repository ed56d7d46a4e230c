"""The fold's slow path: one record's versions from all of its changes.

`current` and `history` are a fold over the change log (law 3). This is that fold, written out; records that were
touched out of order, or by a text diff, are rebuilt by it. In-order changes take `transforms.net`, which must give
the same rows: a property test holds both against a third, naive fold.

Rules: changes are taken in `change_order`. A create, undelete or snapshot sets every field (what it leaves out
is null), or those that it names, and makes the record complete. An update sets the fields it carries. A field whose value did not fit is
null and unknown until a later change sets it. A delete keeps the values and marks the record. Every change makes one version, from its `changed_at` to the next one's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from schemas.catalogue import ObjectSpec
from transforms.decode import DELETE, WHOLE
from transforms.diffs import DiffMismatchError, apply_diff, holds_diff
from transforms.net import known_only, unknown_after


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One row of the change log. `values` are in catalogue order."""

    record_id: str
    change_order: str
    change_type: str
    changed_at: datetime
    changed_fields: str | None
    diff_fields: str | None
    isolated_fields: str | None
    batch: str
    applied_at: datetime
    values: Sequence[Any]


HEAD = len(fields(LoggedChange)) - 1
"""Columns before the values in a row of the change log as it is read for the fold."""


@dataclass(frozen=True, slots=True)
class Version:
    """The state of a record from one change to the next."""

    record_id: str
    values: tuple[Any, ...]
    is_deleted: bool
    is_complete: bool
    """False when no whole record was ever seen, or a text could not be made from its diff."""
    unknown_fields: str | None
    """As of `schemas.tables.UNKNOWN_FIELDS`."""
    version: int
    """1 for the first."""
    valid_from: datetime
    valid_to: datetime | None
    change_order: str
    applied_at: datetime
    batch: str


def fold(changes: Iterable[LoggedChange], spec: ObjectSpec) -> list[Version]:
    """The versions of one record, oldest first. `changes` may come in any order but without duplicates."""
    ordered = sorted(changes, key=lambda change: change.change_order)
    places = {column: place for place, column in enumerate(spec.columns.values())}
    values: list[Any] = [None] * len(places)
    is_deleted = is_whole = False
    doubtful: set[int] = set()
    unknown: str | None = None
    versions: list[Version] = []
    for number, change in enumerate(ordered, start=1):
        if change.change_type in WHOLE:
            is_deleted, is_whole = False, True
            values = list(values)
            if change.changed_fields is None:
                values = list(change.values)
                doubtful.clear()
            else:
                _set_fields(values, change, places, doubtful, unknown)
            unknown = unknown_after(
                unknown, change.change_type, change.changed_fields, change.isolated_fields
            )
        elif change.change_type == DELETE:
            is_deleted = True
        else:
            values = list(values)
            stands = _set_fields(values, change, places, doubtful, unknown)
            unknown = unknown_after(unknown, change.change_type, stands, change.isolated_fields)
        later = ordered[number].changed_at if number < len(ordered) else None
        versions.append(
            Version(
                record_id=change.record_id,
                values=tuple(values),
                is_deleted=is_deleted,
                is_complete=is_whole and not doubtful,
                unknown_fields=known_only(unknown, places),
                version=number,
                valid_from=change.changed_at,
                valid_to=later,
                change_order=change.change_order,
                applied_at=change.applied_at,
                batch=change.batch,
            )
        )
    return versions


def _set_fields(
    values: list[Any],
    change: LoggedChange,
    places: dict[str, int],
    doubtful: set[int],
    unknown: str | None,
) -> str:
    """Set what an update carries. A text whose diff does not fit stays as it was, and is doubtful until a later diff fits.

    A snapshot that was read in the middle of a second holds diffs of that second already, though they stand after it.
    A text that is unknown (`unknown`: such columns, joined by commas) is no base of a diff, though it is stored as null.
    Returns the columns that were set, joined by commas.
    """
    diffs = set((change.diff_fields or "").split(","))
    baseless = set((unknown or "").split(","))
    was_set = []
    for column in (change.changed_fields or "").split(","):
        # The log may name a field that the catalogue has no more.
        if (place := places.get(column)) is None:
            continue
        if column not in diffs:
            values[place] = change.values[place]
            was_set.append(column)
            continue
        if column in baseless:
            doubtful.add(place)
            continue
        try:
            values[place] = apply_diff(values[place], change.values[place])
        except DiffMismatchError:
            if not holds_diff(values[place], change.values[place]):
                doubtful.add(place)
                continue
        doubtful.discard(place)
        was_set.append(column)
    return ",".join(was_set)
