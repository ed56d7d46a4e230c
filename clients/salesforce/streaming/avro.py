"""Change events in Avro, brought into the form in which CometD carries them, so that nothing behind
a source knows which it was.

What differs (Change Data Capture Developer Guide, "Change Event Body"; Pub/Sub API Guide, "Event
Deserialization Considerations"): Avro holds every field and a null for what did not change, and
tells in the header's bitmaps which nulls are values; dates and times are epoch milliseconds; a
text diff is a bare text. CometD leaves out what did not change, writes dates in ISO 8601, and a
diff as an object.

An event that cannot be read whole raises `UndecodableError`; nothing of it is guessed. A value
that JSON cannot hold costs no other: it comes in a form that staging notes or isolates.
"""

import base64
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import fastavro
import orjson
from fastavro.schema import expand_schema

from clients.salesforce.streaming.avro_bitmaps import FieldPath, FieldPlace, FieldSets
from clients.salesforce.streaming.avro_reader import Convert, known_reader
from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from transforms.pii import HEADER

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_DATE, _DATETIME, _TIME = "date", "datetime", "time"
_DOCUMENTED = {"DateOnly": _DATE, "DateTime": _DATETIME, "TimeOnly": _TIME}
"""Kinds as a schema's `doc` names them: "Data:DateOnly:00N…", "CreatedDate:DateTime"."""
_NOT_JSON = {"bytes", "fixed"}
_NUMBERS = ("null", "int", "long", "float", "double")
_UNREADABLE = re.compile("[\udc80-\udcff]+")
"""Bytes that are no UTF-8, as `surrogateescape` shows them (Python's codecs, "Error Handlers"). No
text that is UTF-8 has them.
"""


class UndecodableError(Exception):
    """An event that its schema does not explain."""


class EventDecoder:
    """Decodes events of one schema. The catalogue tells dates from times: to Avro both are a
    number.
    """

    def __init__(self, schema_json: str, catalogue: Catalogue) -> None:
        """Raises `UndecodableError` for what is no Avro schema of a record."""
        try:
            schema = _bare(orjson.loads(schema_json))
            self._schema: Any = fastavro.parse_schema(schema)
            expanded: Any = expand_schema(schema)
            fields: list[dict[str, Any]] = expanded["fields"]
            spec = next((s for s in catalogue.objects.values() if s.event_name == schema["name"]), None)
            self._sets = FieldSets(
                [FieldPlace(f["name"], tuple(p["name"] for p in _parts(f))) for f in fields]
            )
        except Exception as error:
            # fastavro raises what it likes; whatever it is, the schema explains no event.
            raise UndecodableError(f"the schema cannot be used: {type(error).__name__}") from error
        self._conversions = _conversions(fields, spec, None)
        self._compounds = {
            field["name"]: _conversions(parts, spec, field["name"])
            for field in fields
            if (parts := _parts(field))
        }
        self._compounds.pop(HEADER, None)
        self._reader = known_reader(fields, self._conversions, self._compounds)
        self._is_json = _NOT_JSON.isdisjoint(_kinds(fields))

    def payload(self, encoded: bytes) -> dict[str, Any]:
        """The `payload` object that CometD carries for the event."""
        if self._reader is not None:
            # Whatever stops the short way is looked at on the long one.
            with suppress(Exception):
                return self._told(self._reader(encoded))
        return self._checked_payload(encoded)

    def _checked_payload(self, encoded: bytes) -> dict[str, Any]:
        """As `payload`, of any event: what cannot be read is named."""
        try:
            source = io.BytesIO(encoded)
            record = self._record(source)
            payload = self._shaped(record)
        except UndecodableError:
            raise
        except Exception as error:
            # Garbage makes the reader raise nearly anything; the event is kept as it came all the
            # same.
            raise UndecodableError(type(error).__name__) from error
        if source.tell() != len(encoded):
            raise UndecodableError("bytes are left over")
        return payload

    def _record(self, source: io.BytesIO) -> dict[str, Any]:
        record: Any
        try:
            record = fastavro.schemaless_reader(source, self._schema, None)
        except UnicodeDecodeError:
            source.seek(0)
            record = fastavro.schemaless_reader(
                source, self._schema, None, handle_unicode_errors="surrogateescape"
            )
        else:
            if self._is_json:
                return dict(record)
        return {name: _as_json(value) for name, value in record.items()}

    def _shaped(self, record: dict[str, Any]) -> dict[str, Any]:
        payload = _present(record, self._conversions)
        for name, conversions in self._compounds.items():
            if isinstance(compound := payload.get(name), dict):
                payload[name] = _present(compound, conversions)
        return self._told(payload)

    def _told(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The fields that are no nulls, as CometD carries them."""
        header = payload.get(HEADER)
        self._tell_changes(payload, header if isinstance(header, dict) else {})
        for name in self._compounds:
            if payload.get(name) == {}:
                del payload[name]
        return payload

    def _tell_changes(self, payload: dict[str, Any], header: dict[str, Any]) -> None:
        """Fields named by the bitmaps go into the body, where CometD has them; `changedFields`
        stays, as names.
        """
        nulled = header.pop("nulledFields", None)
        diffed = header.pop("diffFields", None)
        changed = self._sets.paths(header.get("changedFields") or ())
        if "changedFields" in header:
            header["changedFields"] = [".".join(path) for path in changed]
        if nulled:
            _empty(payload, self._sets.paths(nulled))
        _empty(payload, changed)
        for path in self._sets.paths(diffed or ()):
            place = payload if len(path) == 1 else payload.get(path[0])
            if isinstance(place, dict) and isinstance(place.get(path[-1]), str):
                place[path[-1]] = {"diff": place[path[-1]]}


def _present(record: dict[str, Any], conversions: Mapping[str, Convert]) -> dict[str, Any]:
    """The fields that are no nulls, converted. An event has few of its schema's fields."""
    return {
        name: value if (convert := conversions.get(name)) is None else convert(value)
        for name, value in record.items()
        if value is not None
    }


def _empty(payload: dict[str, Any], paths: Iterable[FieldPath]) -> None:
    """Fields that changed and have no value were emptied."""
    for path in paths:
        if len(path) == 1:
            payload.setdefault(path[0], None)
        elif isinstance(inner := payload.setdefault(path[0], {}), dict):
            inner.setdefault(path[1], None)


def _bare(schema: Any) -> Any:
    """The schema without logical types: a number stays the number that was sent."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key != "logicalType"}
    return [_bare(item) for item in schema] if isinstance(schema, list) else schema


def _as_json(value: Any) -> Any:
    """The value in JSON's types. As `exact_json.mended`, U+FFFD and a NUL replace invalid text;
    bytes come as an object, which fits no field.
    """
    if isinstance(value, str):
        return _UNREADABLE.sub("\ufffd\x00", value)
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {_as_json(name): _as_json(inner) for name, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, list) else value


def _branches(kind: Any) -> list[Any]:
    return kind if isinstance(kind, list) else [kind]


def _parts(field: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields inside a field that may be a record."""
    for branch in _branches(field["type"]):
        if isinstance(branch, dict) and branch.get("type") == "record":
            return list(branch["fields"])
    return []


def _kinds(fields: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Every Avro type in use, at any depth."""
    for field in fields:
        waiting = [field["type"]]
        while waiting:
            kind = waiting.pop()
            if isinstance(kind, list):
                waiting += kind
            elif isinstance(kind, dict):
                waiting += [kind["type"], *(kind[key] for key in ("items", "values") if key in kind)]
                yield from _kinds(kind.get("fields", ()))
            else:
                yield kind


def _conversions(
    fields: Iterable[Mapping[str, Any]], spec: ObjectSpec | None, compound: str | None
) -> dict[str, Convert]:
    found: dict[str, Convert] = {}
    for field in fields:
        kinds = _branches(field["type"])
        if "long" in kinds:
            convert = _MOMENTS.get(_moment_kind(field, spec, compound) or "")
        else:
            convert = _finite if {"double", "float"} & {k for k in kinds if isinstance(k, str)} else None
        if convert is not None:
            is_sure = all(kind in _NUMBERS for kind in kinds)
            found[field["name"]] = convert if is_sure else _of_numbers(convert)
    return found


def _of_numbers(convert: Convert) -> Convert:
    """For a field that may hold something else, which stays as it is."""
    return lambda value: convert(value) if isinstance(value, int | float) else value


def _moment_kind(field: Mapping[str, Any], spec: ObjectSpec | None, compound: str | None) -> str | None:
    """Date or datetime, as the catalogue has it, else as the schema documents it; None for a plain
    number.
    """
    name = str(field["name"])
    if spec is not None:
        known = name if compound is None else spec.compounds.get(compound, {}).get(name, "")
        if known in spec.fields:
            return _OF_TYPES.get(spec.fields[known].type)
    words = str(field.get("doc", "")).split(":")
    return next((_DOCUMENTED[word] for word in words if word in _DOCUMENTED), None)


@lru_cache(maxsize=16_384)
def _date(ms: int) -> str | int:
    # A moment within a day is no date; told as what it is, it meets the checks of every other wrong
    # value.
    moment = _moment(ms)
    return ms if moment is None else _datetime(ms) if ms % _DAY_MS else moment.date().isoformat()


@lru_cache(maxsize=16_384)
def _datetime(ms: int) -> str | int:
    moment = _moment(ms)
    if moment is None:
        return ms  # beyond the year 9999; named for its wrong type
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds' if ms % 1000 else 'seconds')}Z"


def _moment(ms: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None


def _finite(value: float) -> float | str:
    """A number; what JSON cannot hold as its text, which is named for its wrong type."""
    return value if math.isfinite(value) else str(value)


@lru_cache(maxsize=16_384)
def _time(ms: int) -> str | int:
    # What is no time of day stays a number, and is named for its wrong type.
    return (
        f"{(_EPOCH + timedelta(milliseconds=ms)).time().isoformat('milliseconds')}Z"
        if 0 <= ms < _DAY_MS
        else ms
    )


_OF_TYPES = {FieldType.DATE: _DATE, FieldType.DATETIME: _DATETIME, FieldType.TIME: _TIME}
_MOMENTS: Mapping[str, Convert] = {_DATE: _date, _DATETIME: _datetime, _TIME: _time}
