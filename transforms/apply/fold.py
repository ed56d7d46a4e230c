"""The fold's slow path: one record's versions from all of its changes.

`current` and `history` are a fold over the change log (law 3). This is that fold, written out;
records that were touched out of order, or by a text diff, are rebuilt by it. In-order changes
take `transforms.apply.net_changes`, which must give the same rows: a property test holds both
against a third, naive fold. A record whose older changes have left the log for the archive is
folded on from its *base*, the state that they made.

Rules: changes are taken in `change_order`. A create, undelete or snapshot sets every field (what
it leaves out is null), or those that it names, and makes the record complete. An update sets the
fields it carries. A field whose value did not fit is null and unknown until a later change sets
it. A delete keeps the values and marks the record. Every change makes one version, from its
`changed_at` to the next one's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Protocol

from schemas.catalogue import FieldSpec, ObjectSpec
from schemas.ingest.change_types import DELETE, WHOLE
from schemas.quality import Rule
from transforms.apply.net_changes import known_only, unknown_after
from transforms.convert_values import converter
from transforms.ingest.text_diffs import DiffMismatchError, apply_diff, holds_diff
from transforms.ingest.wide_rows import overflow
from transforms.misfits import MISFIT, Converter, landed


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
    of_fold: tuple[tuple[str, Rule], ...] = ()
    """Columns that are unknown though no change says so: each change fits, and what they make
    together does not.
    """


@dataclass(frozen=True, slots=True)
class Base:
    """A record's state after all changes up to `version.change_order`, most of which the archive
    has.
    """

    version: Version
    """The version that the last of them made; its `valid_to` is None."""
    is_whole: bool
    """A whole record was seen."""
    doubtful: frozenset[str] = frozenset()
    """Columns of texts that could not be made from their diff."""
    grown: frozenset[str] = frozenset()
    """Columns whose text a diff made longer than the column takes."""
    unknown: str | None = None
    """Columns whose latest value did not fit, joined by commas, as the changes name them."""


class SealedTexts(Protocol):
    """Opens and seals the texts of encrypted columns: a diff is of the text, not of its token."""

    def open_text(self, column: str, token: str) -> str:
        """The text behind a token; raises `ValueError` for what is no token of the column."""

    def seal_text(self, column: str, text: str, record_id: str) -> str:
        """Its token in the tables' form."""


def fold(
    changes: Iterable[LoggedChange],
    spec: ObjectSpec,
    base: Base | None = None,
    sealed: SealedTexts | None = None,
) -> list[Version]:
    """The versions of one record, oldest first. `changes` may come in any order but without
    duplicates.

    With a base the first version is the base's own, and only changes after it are taken. Without
    `sealed` an encrypted text that came as a diff is doubtful.
    """
    return _folded(changes, spec, base, sealed)[0]


def sum_up(
    changes: Iterable[LoggedChange],
    spec: ObjectSpec,
    base: Base | None = None,
    sealed: SealedTexts | None = None,
) -> Base | None:
    """The base that stands for these changes; None when a row of the warehouse cannot hold their
    state, or there are none.
    """
    versions, record = _folded(changes, spec, base, sealed)
    return record.base(versions[-1]) if versions else base


def _folded(
    changes: Iterable[LoggedChange], spec: ObjectSpec, base: Base | None, sealed: SealedTexts | None
) -> tuple[list[Version], "_Record"]:
    """The versions, and the record after the last of the changes."""
    record = _Record(spec, base, sealed)
    versions = [] if base is None else [base.version]
    for change in _after(changes, base):
        record.take(change)
        if versions:
            versions[-1] = replace(versions[-1], valid_to=change.changed_at)
        number = versions[-1].version + 1 if versions else 1
        versions.append(record.version(change, number, None))
    return versions, record


def _after(changes: Iterable[LoggedChange], base: Base | None) -> list[LoggedChange]:
    ordered = sorted(changes, key=lambda change: change.change_order)
    return ordered if base is None else [c for c in ordered if c.change_order > base.version.change_order]


class _Record:
    """The state of one record while its changes are taken."""

    def __init__(self, spec: ObjectSpec, base: Base | None = None, sealed: SealedTexts | None = None) -> None:
        self._spec = spec
        self._sealed = sealed
        self._places = {column: place for place, column in enumerate(spec.columns.values())}
        self._values: list[Any] = [None] * len(self._places)
        self._is_deleted = self._is_whole = False
        self._doubtful: set[int] = set()
        """Places of texts that could not be made from their diff."""
        self._unknown: str | None = None
        self._grown: set[str] = set()
        """Columns whose text a diff made longer than the column takes."""
        if base is not None:
            self._values = list(base.version.values)
            self._is_deleted, self._is_whole = base.version.is_deleted, base.is_whole
            self._doubtful = {self._places[name] for name in base.doubtful if name in self._places}
            self._unknown = base.unknown
            self._grown = set(base.grown)

    def base(self, version: Version) -> Base | None:
        """The present state, which `version` shows; None when something was left out of it because
        its row is too wide.
        """
        if any(rule is Rule.TOO_WIDE for _, rule in version.of_fold):
            return None
        columns = [*self._places]
        doubtful = frozenset(columns[place] for place in self._doubtful)
        return Base(version, self._is_whole, doubtful, frozenset(self._grown), self._unknown)

    def take(self, change: LoggedChange) -> None:
        """Go on to the state after a change."""
        if change.change_type == DELETE:
            self._is_deleted = True
            return
        if change.change_type in WHOLE:
            self._is_deleted, self._is_whole = False, True
            if change.changed_fields is None:
                self._values = list(change.values)
                self._doubtful.clear()
                self._grown.clear()
                self._unknown = change.isolated_fields
                return
        stands, isolated = self._set_fields(change), change.isolated_fields
        if self._grown:
            isolated = ",".join(sorted(self._grown.union(isolated.split(",") if isolated else ())))
        named = change.changed_fields if change.change_type in WHOLE else stands
        self._unknown = unknown_after(self._unknown, change.change_type, named, isolated)

    def version(self, change: LoggedChange, number: int, later: datetime | None) -> Version:
        """The state as the version that the change makes, up to `later`. What is too wide is left
        out of the version, and stays in the state.
        """
        values, unknown = tuple(self._values), self._unknown
        of_fold = [(column, Rule.TOO_LONG) for column in sorted(self._grown)]
        if beyond := overflow(values, self._spec):
            lost = frozenset(beyond)
            names = {column for column, place in self._places.items() if place in lost}
            values = tuple(None if place in lost else value for place, value in enumerate(values))
            unknown = ",".join(sorted(names.union(unknown.split(",") if unknown else ())))
            of_fold += [(column, Rule.TOO_WIDE) for column in sorted(names)]
        return Version(
            record_id=change.record_id,
            values=values,
            is_deleted=self._is_deleted,
            is_complete=self._is_whole and not self._doubtful,
            unknown_fields=known_only(unknown, self._places),
            version=number,
            valid_from=change.changed_at,
            valid_to=later,
            change_order=change.change_order,
            applied_at=change.applied_at,
            batch=change.batch,
            of_fold=tuple(of_fold),
        )

    def _set_fields(self, change: LoggedChange) -> str:
        """Set what an update carries. A text whose diff does not fit stays as it was, and is
        doubtful until a later diff fits.

        A snapshot that was read in the middle of a second holds diffs of that second already,
        though they stand after it. A text that is unknown is no base of a diff, though it is
        stored as null. Returns the columns that are known now, joined by commas.
        """
        diffs = set((change.diff_fields or "").split(","))
        baseless = set((self._unknown or "").split(","))
        was_set = []
        for column in (change.changed_fields or "").split(","):
            # The log may name a field that the catalogue has no more.
            if (place := self._places.get(column)) is None:
                continue
            if column in diffs:
                if column in baseless:
                    self._doubtful.add(place)
                    continue
                self._patch(column, place, change)
            else:
                self._values[place] = change.values[place]
                self._grown.discard(column)
            was_set.append(column)
        return ",".join(was_set)

    def _patch(self, column: str, place: int, change: LoggedChange) -> None:
        """Apply a diff to a known text, which stays as it was when the diff does not fit. A text
        that its column does not take is null, and unknown.
        """
        try:
            before = self._opened(column, place, self._values[place])
            diff = self._opened(column, place, change.values[place]) or ""
        except ValueError:
            self._doubtful.add(place)
            return
        try:
            text: Any = apply_diff(before, diff)
        except DiffMismatchError:
            if not holds_diff(before, diff):
                self._doubtful.add(place)
                return
            text = self._values[place]
        else:
            if self._sealed is not None and _field(self._spec, place).is_protected:
                text = self._sealed.seal_text(column, text, change.record_id)
            text = landed(_converter(self._spec, place), text)
        self._doubtful.discard(place)
        if text is MISFIT:
            self._grown.add(column)
            text = None
        self._values[place] = text

    def _opened(self, column: str, place: int, value: str | None) -> str | None:
        """The text itself; raises `ValueError` when it is sealed, and nobody can open it."""
        if value is None or not _field(self._spec, place).is_protected:
            return value
        if self._sealed is None:
            message = f"{column} is encrypted, and nobody opens it here"
            raise ValueError(message)
        return self._sealed.open_text(column, value)


def _field(spec: ObjectSpec, place: int) -> FieldSpec:
    return [*spec.fields.values()][place]


def _converter(spec: ObjectSpec, place: int) -> Converter:
    return converter(_field(spec, place), spec.most_bytes)
