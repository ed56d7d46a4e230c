"""From raw events to typed changes: fan out, check, and refuse with a reason what does not fit.

Law 8 begins here: every change that was landed comes out either as a typed change or as a refusal, never neither
and never both. A merged event with ten recordIds comes out as ten.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.tables import ID_SIZE, KEY_SIZE, NAME_SIZE
from transforms.protect import HEADER, is_any_token
from transforms.values import TOO_LONG, WRONG_TYPE, Converter, MisfitError, converter

CREATE, UPDATE, DELETE, UNDELETE, SNAPSHOT = "create", "update", "delete", "undelete", "snapshot"
WHOLE = frozenset({CREATE, UNDELETE, SNAPSHOT})
"""Change types that carry the whole record: what they leave out is null, unless they name the columns that they carry."""

# Reasons of quarantine, as stored
BROKEN_MESSAGE = "broken_message"
BAD_HEADER = "bad_header"
UNKNOWN_OBJECT = "unknown_object"
UNKNOWN_FIELD = "unknown_field"
MISSING_REQUIRED = "missing_required"
NEEDS_REREAD = "needs_reread"
REASONS = (
    BROKEN_MESSAGE,
    BAD_HEADER,
    UNKNOWN_OBJECT,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    TOO_LONG,
    MISSING_REQUIRED,
    NEEDS_REREAD,
)

BROKEN = "broken"
"""Key of an event's `data` that could not be read; its value is the message's text, encrypted."""

_TYPES = {"CREATE": CREATE, "UPDATE": UPDATE, "DELETE": DELETE, "UNDELETE": UNDELETE, "SNAPSHOT": SNAPSHOT}
_DIFF_KEYS = frozenset({"diff"})
_MOST_MS = 10**13
"""Epoch milliseconds have 13 digits until the year 2286; `change_order` counts on it."""
_MOST_NUMBER = 10**20
_MOST_SEQUENCE = 10**8
_RECORD_ID = re.compile(r"[0-9A-Za-z]{1,18}|[0-9A-Za-z]{1,17}\*").fullmatch
_LONG_TEXTS = frozenset({FieldType.TEXTAREA, FieldType.STRING})


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
    """One object's share of a batch. `rows` are in the order of `schemas.tables.staged_columns`, batch left None.

    Times of the header are epoch milliseconds; Arrow makes timestamps of them faster than Python does.
    """

    landed: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def change_order(commit_ms: int, commit_number: int, sequence: int) -> str:
    """The place of a change among its record's changes, as a text that sorts: commit time, number, sequence.

    With the record's id it is also the change's identity: two deliveries with the same place are one change.
    """
    return f"{commit_ms:013d}.{commit_number:020d}.{sequence:08d}"


def decode_events(events: Iterable[RawEvent], catalogue: Catalogue) -> dict[str, DecodedObject]:
    """Every event of a batch, by the object's name as received."""
    plans = {name: _Plan(spec) for name, spec in catalogue.objects.items()}
    decoded: dict[str, DecodedObject] = {}
    place = 0
    for event in events:
        place = place if event.place is None else event.place
        share = decoded.setdefault(event.object, DecodedObject())
        share.landed += event.changes
        try:
            share.rows.extend(_changes(event, plans))
        except _RefusedError as refused:
            for ordinal, record_id in enumerate(refused.record_ids or (None,) * event.changes, place):
                share.refusals.append(_refusal(event, refused, record_id, ordinal))
        # Counted over all changes, not refused ones alone: a row of quarantine keeps its name when others come to fit.
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


def _changes(event: RawEvent, plans: dict[str, "_Plan"]) -> Iterator[tuple[Any, ...]]:
    data = orjson.loads(event.event)
    if BROKEN in data:
        raise _RefusedError(BROKEN_MESSAGE, "the message is not JSON; ask Salesforce support if it recurs")
    payload = data.get("payload") or {}
    header = _read_header(payload.get(HEADER))
    plan = plans.get(header.object)
    if plan is None:
        detail = f"{header.object} is not in the catalogue; add it, or take it out of the channel"
        raise _RefusedError(UNKNOWN_OBJECT, detail, header.record_ids)
    if header.change_type is None:
        detail = f"{header.raw_type} carries no values; the records must be read again"
        raise _RefusedError(NEEDS_REREAD, detail, header.record_ids)
    try:
        values, changed, diffs = plan.read(payload, header.change_type)
    except MisfitError as misfit:
        raise _RefusedError(misfit.reason, str(misfit), header.record_ids) from misfit
    facts = (header.order, header.change_type, header.changed_ms, changed, diffs)
    origin = (header.commit_user, header.change_origin, header.transaction_key)
    rest = (*origin, event.received_ms, None, *values)
    for record_id in header.record_ids:
        yield (record_id, *facts, *rest)


def places_of(event: bytes) -> tuple[tuple[str, ...], str] | None:
    """The records of an event and their changes' `change_order`, whether or not they fit; None when the header cannot be read."""
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


class _Plan:
    """How to read one object's payloads: prepared once a batch, used for every event."""

    def __init__(self, spec: ObjectSpec) -> None:
        self._name = spec.name
        self._width = len(spec.fields)
        self._places: dict[str, _Field] = {}
        for place, (name, field_spec) in enumerate(spec.fields.items()):
            self._places[name] = (place, spec.columns[name], converter(field_spec))
        self._compounds = spec.compounds
        self._takes_diffs = {
            name for name, f in spec.fields.items() if f.type in _LONG_TEXTS and not f.is_protected
        }
        self._secret_texts = {
            name for name, f in spec.fields.items() if f.type in _LONG_TEXTS and f.is_protected
        }
        self._required = {self._places[name][0]: name for name in spec.required_fields}
        self._added = {name for name, f in spec.fields.items() if f.added}
        self._columns = tuple(spec.columns.values())
        self._loose = frozenset(spec.columns[name] for name, f in spec.fields.items() if f.is_loose)

    def read(self, payload: dict[str, Any], change_type: str) -> tuple[list[Any], str | None, str | None]:
        """Typed values by place, the columns it carries (None: all of a whole record), the columns that are diffs."""
        values: list[Any] = [None] * self._width
        if change_type == DELETE:
            return values, "", None
        changed: list[str] = []
        diffs: list[str] = []
        unread: set[str] = set()
        for name, value in payload.items():
            # The loop that every field of every change goes through: what is common stays in it.
            field = self._places.get(name)
            if field is None:
                if name != HEADER:
                    self._read_compound(name, value, values, changed, diffs)
                continue
            changed.append(field[1])
            if value is not None:
                try:
                    values[field[0]] = field[2](value)
                except MisfitError as misfit:
                    if name in self._added and is_any_token(value):
                        unread.add(field[1])
                        continue
                    values[field[0]] = self._diff(name, value, misfit)
                    diffs.append(field[1])
        is_whole = change_type in WHOLE
        if diffs and is_whole:
            raise MisfitError(WRONG_TYPE, f"{self._name}.{diffs[0]}: a whole record cannot hold a text diff")
        # A query says nothing of what it did not ask for.
        self._check_required(values, changed, is_whole=is_whole and change_type != SNAPSHOT)
        return values, self._carried(change_type, changed, unread), ",".join(diffs) or None

    def _carried(self, change_type: str, changed: list[str], unread: set[str]) -> str | None:
        """The columns of which the change says something; None when that is all of them.

        A query gives just the fields that it asked for. An event of a whole record leaves out what is empty, and may know nothing
        of a loose field. A value of an added field that was encrypted before the catalogue knew how to treat it cannot be read; the
        field is filled from the org after it was added.
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

    def _diff(self, name: str, value: object, misfit: MisfitError) -> str:
        """A value that does not fit may be a text diff; else it is refused under its field's name."""
        if name in self._takes_diffs and isinstance(value, dict) and value.keys() == _DIFF_KEYS:
            diff = value["diff"]
            if isinstance(diff, str) and "\x00" not in diff:
                return diff
        if name in self._secret_texts and isinstance(value, dict) and value.keys() == _DIFF_KEYS:
            detail = f"{self._name}.{name} is encrypted, and its new text came as a diff; the record must be read again"
            raise MisfitError(NEEDS_REREAD, detail) from misfit
        raise MisfitError(misfit.reason, f"{self._name}.{name}: {misfit}") from misfit

    def _read_compound(
        self, name: str, value: object, values: list[Any], changed: list[str], diffs: list[str]
    ) -> None:
        for part, inner in self._parts(name, value):
            place, column, convert = self._place(part)
            changed.append(column)
            if inner is not None:
                try:
                    values[place] = convert(inner)
                except MisfitError as misfit:
                    values[place] = self._diff(part, inner, misfit)
                    diffs.append(column)

    def _parts(self, name: str, value: object) -> Iterator[tuple[str, Any]]:
        """The fields inside a compound field; any other unknown name comes back as it is."""
        parts = self._compounds.get(name)
        if parts is None or not isinstance(value, (dict, type(None))):
            yield name, value
        elif value is None:
            # The compound as a whole was emptied: so was each of its parts.
            yield from ((part, None) for part in parts.values())
        else:
            yield from ((parts.get(part, f"{name}.{part}"), inner) for part, inner in value.items())

    def _place(self, name: str) -> _Field:
        try:
            return self._places[name]
        except KeyError:
            detail = f"{self._name}.{name} is not in the catalogue; add the field and re-drive the change"
            raise MisfitError(UNKNOWN_FIELD, detail) from None

    def _check_required(self, values: list[Any], changed: list[str], *, is_whole: bool) -> None:
        for place, name in self._required.items():
            if values[place] is None and (is_whole or self._places[name][1] in changed):
                raise MisfitError(MISSING_REQUIRED, f"{self._name}.{name} is required and has no value")
