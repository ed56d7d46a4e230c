"""From raw events to typed changes: fan out, check, and name with a reason what does not fit.

Law 8 begins here: every change that was landed comes out either as a typed change or as a
refusal, never neither and never both. A merged event with ten recordIds comes out as ten. Law
10, too: a value that does not fit its field is isolated and named, and the rest of its change
goes on. Refused is a change that cannot be identified or ordered, or that breaks a rule of
severity `reject`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.ingest.change_types import CREATE, DELETE, SNAPSHOT, UNDELETE, UPDATE, WHOLE
from schemas.quality import OF_THE_FIELD, Finding, Rule, Severity
from schemas.salesforce.limits import CLOCK_ALLOWANCE
from schemas.tables import ID_SIZE, KEY_SIZE, NAME_SIZE, most_text_bytes
from transforms import exact_json
from transforms.convert_values import Converter, MisfitError, NotedError, converter
from transforms.pii import HEADER, is_any_token, is_misfit_token
from transforms.quality import findings
from transforms.quality.rules import checks_of, ruled

# Reasons of quarantine, as stored, beside the names of rules
BROKEN_MESSAGE = "broken_message"
BAD_HEADER = "bad_header"
AHEAD_OF_CLOCK = "ahead_of_clock"
UNKNOWN_OBJECT = "unknown_object"
MISSING_REQUIRED = "missing_required"
NEEDS_REREAD = "needs_reread"
UNKNOWN_FIELD = Rule.UNKNOWN_FIELD.value
"""Of changes that releases before 0.2 refused for a field that their catalogue lacked."""
REASONS = (
    BROKEN_MESSAGE,
    BAD_HEADER,
    AHEAD_OF_CLOCK,
    UNKNOWN_OBJECT,
    MISSING_REQUIRED,
    NEEDS_REREAD,
    *(rule.value for rule in Rule),
)
"""Rules stand here for what breaks one of severity `reject`, and for what older releases refused.
"""

BROKEN = "broken"
"""Key of an event's `data` that could not be read; its value is the message's text, encrypted."""

_TYPES = {"CREATE": CREATE, "UPDATE": UPDATE, "DELETE": DELETE, "UNDELETE": UNDELETE, "SNAPSHOT": SNAPSHOT}
_DIFF_KEYS = frozenset({"diff"})
_MOST_MS = 10**13
"""Epoch milliseconds have 13 digits until the year 2286; `change_order` counts on it."""
_AHEAD_MS = round(CLOCK_ALLOWANCE.total_seconds() * 1_000)
_MOST_NUMBER = 10**20
_MOST_SEQUENCE = 10**8
_RECORD_ID = re.compile(r"[0-9A-Za-z]{1,18}|[0-9A-Za-z]{1,17}\*").fullmatch
_LONG_TEXTS = frozenset({FieldType.TEXTAREA, FieldType.STRING})
_SECRET_DIFF = "encrypted, and its new text came as a diff; the record is read again"  # noqa: S105 -- a sentence


class RawEvent(NamedTuple):
    """One row of a raw file."""

    position: str
    object: str
    changes: int
    received_ms: int
    event: bytes
    place: int | None = None
    """Changes of the file before this event; None: those of the events before it here."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change, or a whole event of `changes` changes, that goes to quarantine."""

    ordinal: int
    object: str
    record_id: str | None
    position: str
    reason: str
    detail: str
    event: bytes
    received_ms: int


@dataclass(slots=True)
class DecodedObject:
    """One object's share of a batch. `rows` are in the order of `schemas.tables.staged_columns`,
    batch left None.

    Times of the header are epoch milliseconds; Arrow makes timestamps of them faster than Python
    does.
    """

    landed: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def change_order(commit_ms: int, commit_number: int, sequence: int) -> str:
    """The place of a change among its record's changes, as a text that sorts: commit time, number,
    sequence.

    With the record's id it is also the change's identity: two deliveries with the same place are
    one change.
    """
    return f"{commit_ms:013d}.{commit_number:020d}.{sequence:08d}"


def moment_of(order: str) -> datetime:
    """The commit time in a `change_order`."""
    return datetime.fromtimestamp(int(order.partition(".")[0]) / 1_000, UTC)


def decode_events(
    events: Iterable[RawEvent], catalogue: Catalogue, *, loads: Callable[[bytes], Any] = orjson.loads
) -> dict[str, DecodedObject]:
    """Every event of a batch, by the object's name as received. `loads` reads an event's JSON."""
    prefixes = {name: spec.key_prefix for name, spec in catalogue.objects.items()}
    plans = {name: _Plan(spec, prefixes) for name, spec in catalogue.objects.items()}
    decoded: dict[str, DecodedObject] = {}
    place = 0
    for event in events:
        place = place if event.place is None else event.place
        share = decoded.setdefault(event.object, DecodedObject())
        share.landed += event.changes
        try:
            share.rows.extend(_changes(event, loads(event.event), plans))
        except _RefusedError as refused:
            for ordinal, record_id in enumerate(refused.record_ids or (None,) * event.changes, place):
                share.refusals.append(_refusal(event, refused, record_id, ordinal))
        # Counted over all changes, not refused ones alone: a row of quarantine keeps its name when
        # others come to fit.
        place += event.changes
    return decoded


class _RefusedError(Exception):
    def __init__(self, reason: str, detail: str, record_ids: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.record_ids = record_ids
        super().__init__(detail)


def _refusal(event: RawEvent, refused: _RefusedError, record_id: str | None, ordinal: int) -> Refusal:
    return Refusal(
        ordinal=ordinal,
        object=event.object,
        record_id=record_id,
        position=event.position,
        reason=refused.reason,
        detail=str(refused)[:1_000].replace("\x00", "\\x00"),
        event=event.event,
        received_ms=event.received_ms,
    )


def _changes(event: RawEvent, data: dict[str, Any], plans: dict[str, "_Plan"]) -> Iterator[tuple[Any, ...]]:
    if BROKEN in data:
        raise _RefusedError(BROKEN_MESSAGE, "the message is not JSON; ask Salesforce support if it recurs")
    payload = data.get("payload") or {}
    header = _read_header(payload.get(HEADER))
    plan = plans.get(header.object)
    if plan is None:
        detail = f"{header.object} is not in the catalogue; add it, or take it out of the channel"
        raise _RefusedError(UNKNOWN_OBJECT, detail, header.record_ids)
    if header.changed_ms > event.received_ms + _AHEAD_MS:
        detail = (
            f"the commit time {_moment(header.changed_ms)} lies ahead of the clock, so the change has no place in its record's order; "
            "compare the clocks of the org and of the workers, then re-drive or acknowledge it"
        )
        raise _RefusedError(AHEAD_OF_CLOCK, detail, header.record_ids)
    if header.change_type is None:
        detail = f"{header.raw_type} carries no values; the records must be read again"
        raise _RefusedError(NEEDS_REREAD, detail, header.record_ids)
    try:
        values, changed, diffs, found = plan.read(payload, header.change_type)
        if header.change_type == SNAPSHOT and any(each.rule is Rule.DIGITS_LOST for each in found):
            # What a query gave is kept with every digit.
            exact = exact_json.loads(event.event)["payload"]
            values, changed, diffs, found = plan.read(exact, header.change_type)
    except MisfitError as misfit:
        reason = MISSING_REQUIRED if misfit.rule is Rule.REQUIRED else misfit.rule.value
        raise _RefusedError(reason, str(misfit), header.record_ids) from misfit
    isolated, told = (
        (findings.isolated_columns(found), findings.written(tuple(found))) if found else (None, None)
    )
    facts = (header.order, header.change_type, header.changed_ms, changed, diffs, isolated)
    origin = (header.commit_user, header.change_origin, header.transaction_key)
    rest = (*origin, event.received_ms, None, told, *values)
    for record_id in header.record_ids:
        yield (record_id, *facts, *rest)


def places_of(event: bytes) -> tuple[tuple[str, ...], str] | None:
    """The records of an event and their changes' `change_order`, whether or not they fit; None when
    the header cannot be read.
    """
    data = orjson.loads(event)
    payload = data.get("payload") if isinstance(data, dict) else None
    if not isinstance(payload, dict):
        return None
    try:
        header = _read_header(payload.get(HEADER))
    except _RefusedError:
        return None
    return header.record_ids, header.order


class _Header(NamedTuple):
    object: str
    record_ids: tuple[str, ...]
    raw_type: str
    change_type: str | None
    order: str
    changed_ms: int
    commit_user: str | None
    change_origin: str | None
    transaction_key: str | None


def _read_header(header: object) -> _Header:
    if not isinstance(header, dict):
        raise _RefusedError(BAD_HEADER, "the event has no ChangeEventHeader")
    try:
        commit_ms = int(header["commitTimestamp"])
        number, sequence = int(header["commitNumber"]), int(header["sequenceNumber"])
        record_ids = _read_ids(header["recordIds"])
        raw_type = str(header["changeType"])
        name = str(header["entityName"])
    except (KeyError, TypeError, ValueError) as error:
        detail = f"the ChangeEventHeader lacks or misspells {error}"
        raise _RefusedError(BAD_HEADER, detail) from error
    if not (0 <= commit_ms < _MOST_MS and 0 <= number < _MOST_NUMBER and 0 <= sequence < _MOST_SEQUENCE):
        detail = "the ChangeEventHeader's commitTimestamp, commitNumber or sequenceNumber is out of range"
        raise _RefusedError(BAD_HEADER, detail, record_ids)
    return _Header(
        object=name,
        record_ids=record_ids,
        raw_type=raw_type,
        change_type=None if _is_nameless(record_ids) else _TYPES.get(raw_type),
        order=change_order(commit_ms, number, sequence),
        changed_ms=commit_ms,
        commit_user=_read_text(header, "commitUser", ID_SIZE),
        change_origin=_read_text(header, "changeOrigin", NAME_SIZE),
        transaction_key=_read_text(header, "transactionKey", KEY_SIZE),
    )


def _read_ids(ids: object) -> tuple[str, ...]:
    if not isinstance(ids, list) or not ids:
        raise _RefusedError(BAD_HEADER, "the ChangeEventHeader names no record")
    for record_id in ids:
        if not isinstance(record_id, str) or _RECORD_ID(record_id) is None:
            raise _RefusedError(BAD_HEADER, "the ChangeEventHeader's recordIds hold what is no record id")
    return tuple(ids)


def _is_nameless(record_ids: tuple[str, ...]) -> bool:
    """A wildcard ("001*") stands for records that only a query can name."""
    return (
        any(record_id[-1] == "*" for record_id in record_ids)
        if len(record_ids) > 1
        else record_ids[0][-1] == "*"
    )


def _read_text(header: dict[str, Any], name: str, size: int) -> str | None:
    """A text that only describes the change: cut to its column, since raw holds the whole of it."""
    value = header.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or "\x00" in value:
        raise _RefusedError(BAD_HEADER, f"the ChangeEventHeader's {name} is no text")
    return value[:size]


_Field = tuple[int, str, Converter]
"""Place among the object's values, column name, converter."""


class _Read(NamedTuple):
    """The object's fields in a payload."""

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


class _Plan:
    """Decoder of one object's payloads: prepared once a batch, used for every event."""

    def __init__(self, spec: ObjectSpec, prefixes: Mapping[str, str]) -> None:
        self._name = spec.name
        self._width = len(spec.fields)
        self._places: dict[str, _Field] = {}
        for place, (name, field_spec) in enumerate(spec.fields.items()):
            convert = ruled(converter(field_spec, spec.most_bytes), checks_of(field_spec, prefixes))
            self._places[name] = (place, spec.columns[name], convert)
        self._compounds = spec.compounds
        self._skipped = frozenset({HEADER, *spec.ignored})
        long_texts = {name: f for name, f in spec.fields.items() if f.type in _LONG_TEXTS}
        self._takes_diffs = {
            name: most_text_bytes(f, spec.most_bytes) for name, f in long_texts.items() if not f.is_protected
        }
        """Field -> most bytes of a diff; None: any number."""
        self._secret_texts = long_texts.keys() - self._takes_diffs.keys()
        self._required = {
            self._places[name]: (name, severity)
            for name in spec.required_fields
            if (severity := spec.fields[name].severity_of(Rule.REQUIRED)) is not Severity.OFF
        }
        self._added = {name for name, f in spec.fields.items() if f.added}
        self._columns = tuple(spec.columns.values())
        self._loose = frozenset(spec.columns[name] for name, f in spec.fields.items() if f.is_loose)
        self._told: set[tuple[str, Rule]] = set()
        """Fields and rules of `OF_THE_FIELD` that a change of this batch has named."""

    def read(self, payload: dict[str, Any], change_type: str) -> _Read:
        """Raises `MisfitError` for what breaks a rule of severity `reject`."""
        values: list[Any] = [None] * self._width
        if change_type == DELETE:
            return _Read(values, "", None, [])
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
        self._check_required(reading, is_whole=is_whole and change_type != SNAPSHOT)
        carried = self._carried(change_type, changed, reading.unread)
        return _Read(values, carried, ",".join(reading.diffs) or None, reading.found)

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
        """An object in place of a field's value: a text diff, or the parts of a compound that is a
        field, too.
        """
        place, column, _ = field
        diff = value.get("diff") if value.keys() == _DIFF_KEYS else None
        rule, detail = odd.rule, str(odd)
        if isinstance(diff, str) and name in self._takes_diffs:
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

    def _check_required(self, reading: _Reading, *, is_whole: bool) -> None:
        for (place, column, _), (name, severity) in self._required.items():
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
    """Why a diff cannot be logged; empty when it can. Its hash is of the text with every character,
    so none is left out.
    """
    if "\x00" in diff:
        return "holds NUL, which no warehouse stores"
    if most_bytes is not None and (size := len(diff.encode())) > most_bytes:
        return f"has {size} bytes, its column takes {most_bytes}"
    return ""


def _moment(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
