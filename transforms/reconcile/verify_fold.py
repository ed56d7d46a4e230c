"""Curated rows held against the fold of their changes: what is in current and history and does not
follow from the change log.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from schemas.catalogue import ObjectSpec
from schemas.tables import current_columns
from transforms.apply.base_rows import StoredBase
from transforms.apply.fold import HEAD, LoggedChange, SealedTexts, Version, fold
from transforms.apply.net_changes import known_only

Rows = Iterable[Sequence[Any]]


class Altered(NamedTuple):
    """A record whose curated rows do not follow from its changes."""

    record_id: str
    columns: tuple[str, ...]
    """Of current, that differ; empty when a row is missing, too many, or only history differs."""
    is_duplicate: bool
    """Current has more than one row."""


class Checked(NamedTuple):
    records: int
    altered: list[Altered]


def check_log(
    changes: Rows,
    current: Rows,
    history: Rows,
    spec: ObjectSpec,
    bases: Mapping[str, StoredBase] | None = None,
    sealed: SealedTexts | None = None,
) -> Checked:
    """Fold the changes of some records and compare; all three must hold the same records and no
    others.

    Args:
        changes: Rows of the change log, in the columns of `LoggedChange`, the values last.
        current: Whole rows of current.
        history: Whole rows of history; nothing when the object keeps none.
        spec: The object.
        bases: Of the records whose older changes have left the log; None = of none. Their versions
            before the base follow from the archive, and are not compared.
        sealed: As of `fold`.
    """
    bases = bases or {}
    folded = _folded(changes, spec, bases, sealed)
    rows, versions = _by_record(current, spec), _by_record(history, spec)
    names = [column.name for column in current_columns(spec)]
    altered = []
    records = folded.keys() | rows.keys() | versions.keys()
    for record_id in sorted(records):
        expected = folded.get(record_id, [])
        found = rows.get(record_id, [])
        wanted = [current_row(expected[-1])] if expected else []
        is_like = found == wanted
        if is_like and spec.history:
            kept = versions.get(record_id, [])
            if stored := bases.get(record_id):
                kept = [row for row in kept if row[_PLACE] >= stored.order]
            is_like = _same(kept, [history_row(version) for version in expected])
        if not is_like:
            altered.append(Altered(record_id, _differing(names, found, wanted), len(found) > 1))
    return Checked(len(records), altered)


def current_row(version: Version) -> tuple[Any, ...]:
    """The row of current that the last version makes, in the order of `current_columns`."""
    return (version.record_id, *version.values, *_state(version), *_stamps(version))


def history_row(version: Version) -> tuple[Any, ...]:
    """The row of history that a version makes, in the order of `history_columns`."""
    valid = (version.valid_from, version.valid_to, version.valid_to is None)
    return (version.record_id, *version.values, *_state(version), *valid, *_stamps(version))


def _state(version: Version) -> tuple[Any, ...]:
    return (version.is_deleted, version.is_complete, version.unknown_fields, version.version)


_UNKNOWN = 2
"""Where `_state` has the unknown fields."""
_PLACE = -4
"""Where a row of history has its change order: `_stamps` comes last."""


def _stamps(version: Version) -> tuple[Any, ...]:
    return (version.change_order, version.valid_from, version.applied_at, version.batch)


def _folded(
    changes: Rows, spec: ObjectSpec, bases: Mapping[str, StoredBase], sealed: SealedTexts | None
) -> dict[str, list[Version]]:
    logged = [LoggedChange(*(*row[:HEAD], row[HEAD:])) for row in sorted(changes, key=itemgetter(0))]
    by_record = groupby(logged, key=attrgetter("record_id"))
    some = {record_id: list(each) for record_id, each in by_record}
    return {
        record_id: fold(
            some.get(record_id, []), spec, bases[record_id].base if record_id in bases else None, sealed
        )
        for record_id in {**some, **bases}
    }


def _by_record(rows: Rows, spec: ObjectSpec) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    columns = frozenset(spec.columns.values())
    place = 1 + len(columns) + _UNKNOWN
    for row in rows:
        # A row that nothing has touched since a field was removed still names it.
        unknown = known_only(row[place], columns)
        found.setdefault(row[0], []).append((*row[:place], unknown, *row[place + 1 :]))
    return found


def _same(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> bool:
    # A record has one version a place, so the places order both.
    return sorted(found, key=itemgetter(_PLACE)) == expected


def _differing(
    names: Sequence[str], found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]
) -> tuple[str, ...]:
    if len(found) != 1 or len(wanted) != 1:
        return ()
    return tuple(name for name, one, other in zip(names, found[0], wanted[0], strict=True) if one != other)
