"""The payload of a change event as typed values of an object's columns, and what does not fit of
it.

Law 10: a value that does not fit its field is isolated and named, and the rest of its change
goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.catalogue import FieldType, ObjectSpec
from schemas.ingest.change_types import DELETE, SNAPSHOT, WHOLE
from schemas.quality import OF_THE_FIELD, Finding, Rule, Severity
from schemas.tables import NAME_SIZE, most_diff_bytes
from transforms.convert_values import converter
from transforms.erasure.fields import erased_columns
from transforms.misfits import Converter, MisfitError, NotedError
from transforms.pii import HEADER, is_any_token, is_misfit_token, is_token
from transforms.quality.rules import checks_of, ruled

_DIFF_KEYS = frozenset({"diff"})
_NOBODY = frozenset[str]()
_LONG_TEXTS = frozenset({FieldType.TEXTAREA, FieldType.STRING})
_SECRET_DIFF = "encrypted, and its new text came as a diff; the record is read again"  # noqa: S105 -- a sentence
_Field = tuple[int, str, Converter]
"""Place among the object's values, column name, converter."""


class ReadPayload(NamedTuple):
    """The fields that a payload carries."""

    values: list[Any]
    """Typed, by place."""
    changed: str | None
    """The columns that it carries; None: all of a whole record."""
    diffs: str | None
    """The columns whose value is a diff; None: none."""
    found: list[Finding]


@dataclass(slots=True)
class _Reading:
    """A payload that is being read."""

    values: list[Any]
    changed: list[str] = field(default_factory=list)
    diffs: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    found: list[Finding] = field(default_factory=list)


class PayloadReader:
    """How to read one object's payloads: prepared once a batch, used for every event."""

    def __init__(self, spec: ObjectSpec, prefixes: Mapping[str, str]) -> None:
        self._name = spec.name
        self._width = len(spec.fields)
        self._places: dict[str, _Field] = {}
        for place, (name, field_spec) in enumerate(spec.fields.items()):
            convert = ruled(converter(field_spec, spec.most_bytes), checks_of(field_spec, prefixes))
            self._places[name] = (place, spec.columns[name], convert)
        self._compounds = spec.compounds
        self._skipped = frozenset({HEADER, *spec.ignored_in_events})
        long_texts = {name: f for name, f in spec.fields.items() if f.type in _LONG_TEXTS}
        self._takes_diffs = {name: most_diff_bytes(f, spec.most_bytes) for name, f in long_texts.items()}
        """Field -> most bytes of a diff, or of its token; None: any number."""
        self._secret_texts = {name for name, f in long_texts.items() if f.is_protected}
        self._required = {
            self._places[name]: (name, severity)
            for name in spec.required_fields
            if (severity := spec.fields[name].severity_of(Rule.REQUIRED)) is not Severity.OFF
        }
        self._added = {name for name, f in spec.fields.items() if f.added}
        self._columns = tuple(spec.columns.values())
        self._loose = frozenset(spec.columns[name] for name, f in spec.fields.items() if f.is_loose)
        self._erased = erased_columns(spec)
        self._told: set[tuple[str, Rule]] = set()
        """Fields and rules of `OF_THE_FIELD` that a change of this batch has named."""

    def read(self, payload: dict[str, Any], change_type: str, *, is_erased: bool = False) -> ReadPayload:
        """Raises `MisfitError` for what breaks a rule of severity `reject`.

        `is_erased`: the record's values were taken out of raw, so a required one may be missing.
        """
        values: list[Any] = [None] * self._width
        if change_type == DELETE:
            return ReadPayload(values, "", None, [])
        reading = _Reading(values)
        changed = reading.changed
        for name, value in payload.items():
            # The loop that every field of every change goes through: what is common stays in it.
            field = self._places.get(name)
            if field is None:
                if name not in self._skipped:
                    self._read_other(name, value, reading)
                continue
            changed.append(field[1])
            if value is not None:
                try:
                    values[field[0]] = field[2](value)
                except (MisfitError, NotedError) as odd:
                    self._read_odd(name, field, value, odd, reading)
        is_whole = change_type in WHOLE
        if reading.diffs and is_whole:
            self._isolate_diffs(reading)
        # A query says nothing of what it did not ask for.
        excused = self._erased if is_erased else _NOBODY
        self._check_required(reading, excused, is_whole=is_whole and change_type != SNAPSHOT)
        carried = self._carried(change_type, changed, reading.unread)
        return ReadPayload(values, carried, ",".join(reading.diffs) or None, reading.found)

    def _carried(self, change_type: str, changed: list[str], unread: set[str]) -> str | None:
        """The columns of which the change says something; None when that is all of them.

        A query gives just the fields that it asked for. An event of a whole record leaves out
        what is empty, and may know nothing of a loose field. A value of an added field that was
        encrypted before the catalogue knew how to treat it cannot be read; the field is filled
        from the org after it was added.
        """
        if change_type not in WHOLE:
            return ",".join([each for each in changed if each not in unread] if unread else changed)
        is_event = change_type != SNAPSHOT
        if not unread and (not self._loose if is_event else len(changed) == self._width):
            return None
        there = set(changed)
        said = [
            each
            for each in self._columns
            if each not in unread and (each in there or (is_event and each not in self._loose))
        ]
        return None if len(said) == self._width else ",".join(said)

    def _read_odd(
        self, name: str, field: _Field, value: Any, odd: MisfitError | NotedError, reading: _Reading
    ) -> None:
        """A value of a known field that its converter did not simply take."""
        place, column, _ = field
        if isinstance(odd, NotedError):
            reading.values[place] = odd.value
            for note in odd.notes:
                self._note(Finding(name, column, note.rule, note.severity, note.detail), reading)
        elif odd.severity is Severity.REJECT:
            raise MisfitError(odd.rule, f"{self._name}.{name}: {odd}", odd.severity) from odd
        elif name in self._added and is_any_token(value):
            reading.unread.add(column)
        elif isinstance(value, dict):
            self._read_dict(name, field, value, odd, reading)
        elif name in self._secret_texts and is_misfit_token(value):
            # Salesforce sends a long text as a text or as a diff. What is encrypted and no text was
            # a diff.
            reading.found.append(Finding(name, column, Rule.DIFF_ONLY, Severity.ISOLATE, _SECRET_DIFF))
        else:
            reading.found.append(Finding(name, column, odd.rule, Severity.ISOLATE, str(odd)))

    def _read_dict(
        self, name: str, field: _Field, value: dict[str, Any], odd: MisfitError, reading: _Reading
    ) -> None:
        """An object in place of a field's value: a text diff, or the parts of a compound that is
        a field, too.
        """
        place, column, _ = field
        diff = value.get("diff") if value.keys() == _DIFF_KEYS else None
        rule, detail = odd.rule, str(odd)
        # What is encrypted and no text was no diff.
        is_diff = is_token(diff) if name in self._secret_texts else isinstance(diff, str)
        if diff is not None and is_diff and name in self._takes_diffs:
            trouble = _no_column_takes(diff, self._takes_diffs[name])
            if not trouble:
                reading.values[place] = diff
                reading.diffs.append(column)
                return
            rule, detail = Rule.DIFF_ONLY, f"the diff of its text {trouble}; the record is read again"
        elif name in self._compounds and value.keys() != _DIFF_KEYS:
            self._read_parts(name, value, reading)
            rule, detail = Rule.COMPOUND_ONLY, "only its parts came; the record is read again"
        elif value.keys() == _DIFF_KEYS and name in self._secret_texts:
            rule, detail = Rule.DIFF_ONLY, _SECRET_DIFF
        reading.found.append(Finding(name, column, rule, Severity.ISOLATE, detail))

    def _read_other(self, name: str, value: Any, reading: _Reading) -> None:
        """A compound, or a field that the catalogue lacks."""
        parts = self._compounds.get(name)
        if parts is None or not isinstance(value, (dict, type(None))):
            self._unknown(name, reading)
        elif value is None:
            # The compound as a whole was emptied: so was each of its parts.
            reading.changed += [self._places[field][1] for field in parts.values()]
        else:
            self._read_parts(name, value, reading)

    def _read_parts(self, compound: str, value: dict[str, Any], reading: _Reading) -> None:
        parts = self._compounds[compound]
        for part, inner in value.items():
            name = parts.get(part)
            if name is None:
                if f"{compound}.{part}" not in self._skipped:
                    self._unknown(f"{compound}.{part}", reading)
                continue
            field = self._places[name]
            reading.changed.append(field[1])
            if inner is not None:
                try:
                    reading.values[field[0]] = field[2](inner)
                except (MisfitError, NotedError) as odd:
                    self._read_odd(name, field, inner, odd, reading)

    def _unknown(self, name: str, reading: _Reading) -> None:
        name = name[:NAME_SIZE].replace("\x00", "\\x00")[:NAME_SIZE]
        detail = "not in the catalogue, so it has no column; add the field, or say `ignore: true`"
        reading.found.append(Finding(name, None, Rule.UNKNOWN_FIELD, Severity.ISOLATE, detail))

    def _note(self, finding: Finding, reading: _Reading) -> None:
        """A finding of a value that landed; of the field as such once a batch."""
        if finding.rule in OF_THE_FIELD:
            if (finding.field, finding.rule) in self._told:
                return
            self._told.add((finding.field, finding.rule))
        reading.found.append(finding)

    def _isolate_diffs(self, reading: _Reading) -> None:
        """A whole record has no text before it that a diff could be made against."""
        names = {field[1]: (name, field[0]) for name, field in self._places.items()}
        for column in reading.diffs:
            name, place = names[column]
            reading.values[place] = None
            detail = "a diff came with a whole record; the record is read again"
            reading.found.append(Finding(name, column, Rule.DIFF_ONLY, Severity.ISOLATE, detail))
        reading.diffs.clear()

    def _check_required(self, reading: _Reading, excused: frozenset[str], *, is_whole: bool) -> None:
        for (place, column, _), (name, severity) in self._required.items():
            if column in excused:
                continue
            if reading.values[place] is None and (is_whole or column in reading.changed):
                self._miss(name, column, severity, reading)

    def _miss(self, name: str, column: str, severity: Severity, reading: _Reading) -> None:
        if any(finding.column == column for finding in reading.found):
            return  # it has a value, which did not fit
        detail = "required, and has no value"
        if severity is Severity.REJECT:
            raise MisfitError(Rule.REQUIRED, f"{self._name}.{name}: {detail}", severity)
        reading.found.append(Finding(name, column, Rule.REQUIRED, severity, detail))


def _no_column_takes(diff: str, most_bytes: int | None) -> str:
    """Why a diff cannot be logged; empty when it can. Its hash is of the text with every
    character, so none is left out.
    """
    if "\x00" in diff:
        return "holds NUL, which no warehouse stores"
    if most_bytes is not None and (size := len(diff.encode())) > most_bytes:
        return f"has {size} bytes, its column takes {most_bytes}"
    return ""
