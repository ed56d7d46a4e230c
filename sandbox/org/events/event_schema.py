"""The Avro schema of an object's change events, its id, and the events in that form.

The bus holds events as CometD's JSON. Everything else that the Pub/Sub API tells is in there: an
update's body names what changed, a null in it what was emptied, an object with `diff` what was
changed by a diff (Pub/Sub API Guide, "Event Deserialization Considerations"; Change Data Capture
Developer Guide, "Change Event Message Structure").
"""

import base64
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

import fastavro
import orjson

from sandbox.org.events.comparisons import Place
from sandbox.org.schema.exact import Exact
from sandbox.org.schema.objects import MASTER, OrgField
from schemas.catalogue import FieldSpec, FieldType, ObjectSpec

HEADER = "ChangeEventHeader"
_NAMESPACE = "com.sforce.eventbus"
_TEXTS = {"type": "array", "items": "string"}
_CHANGE_TYPES = [
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT",
]  # fmt: skip
_HEADER_FIELDS: list[dict[str, Any]] = [
    {"name": "entityName", "type": "string"},
    {"name": "recordIds", "type": _TEXTS},
    {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": _CHANGE_TYPES}},
    {"name": "changeOrigin", "type": "string"},
    {"name": "transactionKey", "type": "string"},
    {"name": "sequenceNumber", "type": "int"},
    {"name": "commitTimestamp", "type": "long"},
    {"name": "commitNumber", "type": "long"},
    {"name": "commitUser", "type": "string"},
    {"name": "nulledFields", "type": _TEXTS},
    {"name": "diffFields", "type": _TEXTS},
    {"name": "changedFields", "type": _TEXTS},
]
_TIME_CHARACTERS = len("17:30:00.000Z")
_AVRO = {
    FieldType.BOOLEAN: "boolean",
    FieldType.INT: "int",
    FieldType.LONG: "long",
    FieldType.TIME: "long",
    FieldType.DOUBLE: "double",
    FieldType.PERCENT: "double",
    FieldType.CURRENCY: "double",
    FieldType.DATE: "long",
    FieldType.DATETIME: "long",
}


def event_fields(spec: ObjectSpec) -> dict[str, FieldSpec]:
    """The fields that events carry: neither formulas nor the bytes of files, nor what a record was
    merged into (Change Data Capture Developer Guide, "Change Event Message Structure").
    """
    return {
        name: field
        for name, field in spec.fields.items()
        if name != MASTER
        and (field.is_in_events if isinstance(field, OrgField) else field.type is not FieldType.BASE64)
    }


def event_schema(spec: ObjectSpec) -> str:
    """The schema as JSON: the header first, then the fields in the order of their creation,
    compounds as records.

    A compound that is also a field, as Name of accounts that may be persons, is a text or a
    record.
    """
    fields: list[dict[str, Any]] = [
        {"name": HEADER, "type": {"type": "record", "name": HEADER, "fields": _HEADER_FIELDS}}
    ]
    carried = event_fields(spec)
    compounds: dict[str, dict[str, FieldSpec]] = {}
    for name, field in carried.items():
        if field.part_of is not None:
            compounds.setdefault(field.part_of, {})[field.part or name] = field
    told: set[str] = set()
    for name, field in carried.items():
        top = field.part_of or name
        if top in told:
            continue
        told.add(top)
        plain = [_AVRO.get(carried[top].type, "string")] if top in carried else []
        records = [_compound(top, compounds[top], plain)] if top in compounds else []
        fields.append(_optional(top, *plain, *records))
    return orjson.dumps(
        {"type": "record", "name": spec.event_name, "namespace": _NAMESPACE, "fields": fields}
    ).decode()


def avro_type(kind: FieldType) -> str:
    """The Avro type of a plain field's values."""
    return _AVRO.get(kind, "string")


def _optional(name: str, *kinds: object) -> dict[str, Any]:
    return {"name": name, "type": ["null", *kinds], "default": None}


def _compound(name: str, parts: Mapping[str, FieldSpec], plain: Sequence[object]) -> dict[str, Any]:
    fields = [_optional(part, _AVRO.get(field.type, "string")) for part, field in parts.items()]
    return {"type": "record", "name": "Switchable_PersonName" if plain else f"{name}Parts", "fields": fields}


@lru_cache(maxsize=1_024)
def schema_id(schema_json: str) -> str:
    """Its fingerprint: base64url of an MD5, 22 characters (REST API Developer Guide, "Platform
    Event Schema by Schema ID").
    """
    digest = hashlib.md5(schema_json.encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class EventCodec:
    """Writes events of one schema."""

    def __init__(self, schema_json: str) -> None:
        self._schema: Any = fastavro.parse_schema(orjson.loads(schema_json))
        self._fields: list[dict[str, Any]] = orjson.loads(schema_json)["fields"]
        self._places = {name: place for place, name in enumerate(field["name"] for field in self._fields)}
        self._kinds = {field["name"]: _kind(field) for field in self._fields[1:]}

    def refusal(self, payload: Mapping[str, Any]) -> str:
        """The reason why Avro cannot carry the event in full, in a sentence; empty when it can."""
        for name, value in payload.items():
            if name == HEADER:
                continue
            kind = self._kinds.get(name)
            if kind is None:
                return f"its schema has no field {name}"
            parts = value if isinstance(value, dict) and isinstance(kind, dict) else {}
            if unknown := [part for part in parts if part not in kind]:
                return f"its schema has no part {unknown[0]} of {name}"
            try:
                self.encode({HEADER: {}, name: value})
            except Exception as error:
                return f"{name} cannot be {value!r:.80}: {type(error).__name__}: {error}"
        try:
            self.encode({HEADER: payload.get(HEADER)})
        except Exception as error:
            return f"its header cannot be encoded: {type(error).__name__}: {error}"
        return ""

    def encode(self, payload: Mapping[str, Any], extra: frozenset[Place] = frozenset()) -> bytes:
        """An event's `payload` as CometD carries it, as Avro binary. Fields that the schema lacks
        are not sent.

        `extra` is what comes from enrichment, and so has not changed.
        """
        record: dict[str, Any] = {}
        changed, nulled, diffed = _Bits(), _Bits(), _Bits()
        for name, value in payload.items():
            kind = self._kinds.get(name)
            if kind is None:
                continue
            place = self._places[name]
            if isinstance(value, dict) and isinstance(kind, dict):
                own = [part for part in value if (name, part) not in extra] if extra else list(value)
                record[name] = self._parts(kind, value, place, nulled)
                changed.add_parts(place, kind, own)
                continue
            if (name,) not in extra:
                changed.add(place)
            if value is None:
                nulled.add(place)
            elif isinstance(value, dict):
                diffed.add(place)
                record[name] = value.get("diff")
            else:
                record[name] = converted(kind, value)
        record[HEADER] = _header(payload[HEADER], changed, nulled, diffed)
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._schema, record)
        return out.getvalue()

    @staticmethod
    def _parts(
        kinds: Mapping[str, str], value: Mapping[str, Any], place: int, nulled: "_Bits"
    ) -> dict[str, Any]:
        nulled.add_parts(place, kinds, [name for name, part in value.items() if part is None])
        return {
            name: converted(kinds[name], part)
            for name, part in value.items()
            if part is not None and name in kinds
        }


def _header(given: Mapping[str, Any], changed: "_Bits", nulled: "_Bits", diffed: "_Bits") -> dict[str, Any]:
    is_update = given.get("changeType") == "UPDATE"
    return {
        "entityName": given.get("entityName", ""),
        "recordIds": given.get("recordIds", []),
        "changeType": given.get("changeType", "UPDATE"),
        "changeOrigin": given.get("changeOrigin", ""),
        "transactionKey": given.get("transactionKey", ""),
        "sequenceNumber": given.get("sequenceNumber", 1),
        "commitTimestamp": given.get("commitTimestamp", 0),
        "commitNumber": given.get("commitNumber", 0),
        "commitUser": given.get("commitUser", ""),
        "nulledFields": nulled.encoded() if is_update else [],
        "diffFields": diffed.encoded() if is_update else [],
        "changedFields": changed.encoded() if is_update else [],
    }


class _Bits:
    """A set of fields as the header writes it: `["0x650004E0", "4-0x10"]`, capitals, whole bytes,
    field 0 the lowest bit.
    """

    def __init__(self) -> None:
        self._top = 0
        self._inside: dict[int, int] = {}

    def add(self, place: int) -> None:
        self._top |= 1 << place

    def add_parts(self, place: int, parts: Mapping[str, str], names: Sequence[str]) -> None:
        """Add parts of the compound at `place`."""
        for bit, part in enumerate(parts):
            if part in names:
                self._inside[place] = self._inside.get(place, 0) | 1 << bit

    def encoded(self) -> list[str]:
        """Empty when no field is in it. The bitmap of the top level is there whenever any is: some
        clients look at it first.
        """
        if not self._top and not self._inside:
            return []
        nested = [f"{place}-{_hex(bits)}" for place, bits in sorted(self._inside.items())]
        return [_hex(self._top), *nested]


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return f"0x{digits if len(digits) % 2 == 0 else f'0{digits}'}"


def _kind(field: Mapping[str, Any]) -> Any:
    """The type's name; of a compound, the types of its parts by name, whether or not it may be a
    text too.
    """
    kind = field["type"][-1]
    if isinstance(kind, dict):
        return {part["name"]: part["type"][1] for part in kind["fields"]}
    return kind


def converted(kind: Any, value: Any) -> Any:
    """A value of CometD's JSON as Avro's type has it."""
    convert = _text if isinstance(kind, dict) else _CONVERSIONS.get(kind)
    return value if convert is None else convert(value)


def _epoch_ms(value: Any) -> int:
    if isinstance(value, str):
        return _epoch_ms_of_text(value)
    if type(value) is int:
        return value
    raise TypeError("it is neither a time nor a whole number")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError("it is no text")


def _double(value: Any) -> float:
    if type(value) in (float, int, Exact):
        return float(value)
    raise TypeError("it is no number")


@lru_cache(maxsize=16_384)
def _epoch_ms_of_text(text: str) -> int:
    """Epoch ms of a date or datetime, ms of the day of a time (Pub/Sub API Guide, "Event
    Deserialization Considerations").
    """
    if len(text) == _TIME_CHARACTERS:
        at = time.fromisoformat(text)
        return ((at.hour * 60 + at.minute) * 60 + at.second) * 1000 + at.microsecond // 1000
    if len(text) == len("2026-01-01"):
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    else:
        moment = datetime.fromisoformat(text)
    return int(moment.timestamp() * 1000)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"long": _epoch_ms, "string": _text, "double": _double}
