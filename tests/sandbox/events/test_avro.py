"""Events in Avro: what a Pub/Sub client decodes is what CometD carries."""

import io
from datetime import UTC, datetime
from typing import Any

import fastavro
import orjson
from hypothesis import given, strategies as st

from sandbox.org.events.event_schema import HEADER, EventCodec, event_schema, schema_id
from schemas.catalogue import FieldType, default_catalogue

CONTACT = default_catalogue().objects["Contact"]
SCHEMA = event_schema(CONTACT)
CODEC = EventCodec(SCHEMA)
_BY_TYPE: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.BOOLEAN: st.booleans(),
    FieldType.INT: st.integers(-(2**31), 2**31 - 1),
    FieldType.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    FieldType.CURRENCY: st.floats(allow_nan=False, allow_infinity=False),
    FieldType.DATE: st.dates().map(str),
    FieldType.DATETIME: st.integers(0, 4 * 10**9).map(
        lambda second: datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ),
}


def header(change: str) -> dict[str, Any]:
    return {
        "entityName": "Contact",
        "recordIds": ["003Tg0000000001AAA"],
        "changeType": change,
        "changeOrigin": "",
        "transactionKey": "0001",
        "sequenceNumber": 1,
        "commitTimestamp": 1_790_000_000_000,
        "commitNumber": 5,
        "commitUser": "005Tg0000000001AAA",
    }


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """An update's body as CometD carries it: some fields, some of them null, compounds nested, some
    texts as diffs.
    """
    body: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(sorted(CONTACT.fields)), min_size=1)):
        field = CONTACT.fields[name]
        value = draw(st.none() | _BY_TYPE.get(field.type, st.text(max_size=20)))
        if field.part_of is not None:
            body.setdefault(field.part_of, {})[field.part or name] = value
        elif field.type is FieldType.TEXTAREA and isinstance(value, str) and draw(st.booleans()):
            body[name] = {"diff": value}
        else:
            body[name] = value
    return body


def decoded(payload: bytes) -> dict[str, Any]:
    record: Any = fastavro.schemaless_reader(io.BytesIO(payload), fastavro.parse_schema(orjson.loads(SCHEMA)))
    assert isinstance(record, dict)
    return record


def names_in(bitmaps: list[str]) -> set[str]:
    """A client's reading of a header's bitmaps, written from the documentation's rules."""
    fields = orjson.loads(SCHEMA)["fields"]
    found: set[str] = set()
    for element in bitmaps:
        if element.startswith("0x"):
            found |= {fields[bit]["name"] for bit in _bits(element)}
        else:
            place, _, bits = element.partition("-")
            parent = fields[int(place)]
            parts = parent["type"][1]["fields"]
            found |= {f"{parent['name']}.{parts[bit]['name']}" for bit in _bits(bits)}
    return found


def _bits(text: str) -> list[int]:
    assert text == text.replace("x", "_").upper().replace("_", "x")
    assert len(text) % 2 == 0
    number = int(text, 16)
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """`{"Name": {"FirstName": x}}` -> `{"Name.FirstName": x}`; diffs stay objects."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict) and "diff" not in value:
            found |= {f"{name}.{part}": inner for part, inner in value.items()}
        else:
            found[name] = value
    return found


@given(bodies())
def test_bitmaps_name_what_changed_what_was_emptied_and_what_came_as_a_diff(body: dict[str, Any]) -> None:
    record = decoded(CODEC.encode({HEADER: header("UPDATE"), **body}))
    fields = flat(body)
    told = record[HEADER]
    assert names_in(told["changedFields"]) == set(fields)
    assert names_in(told["nulledFields"]) == {name for name, value in fields.items() if value is None}
    assert names_in(told["diffFields"]) == {name for name, value in fields.items() if isinstance(value, dict)}


@given(bodies())
def test_values_come_out_as_they_went_in(body: dict[str, Any]) -> None:
    record = decoded(CODEC.encode({HEADER: header("UPDATE"), **body}))
    for path, value in flat(body).items():
        name, _, part = path.partition(".")
        found = record[name][part] if part else record[name]
        assert found == _wanted(value, found), path


def _wanted(value: Any, found: Any) -> Any:
    if isinstance(value, dict):
        return value["diff"]
    if isinstance(value, str) and isinstance(found, int):
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return value


def test_a_delete_carries_nulls_only() -> None:
    record = decoded(CODEC.encode({HEADER: header("DELETE")}))
    del record[HEADER]
    assert set(record.values()) == {None}


def test_a_create_names_no_changed_fields() -> None:
    record = decoded(CODEC.encode({HEADER: header("CREATE"), "Title": "Guardian"}))
    assert record[HEADER]["changedFields"] == []
    assert record["Title"] == "Guardian"


def test_the_schema_begins_with_the_header_whose_fields_are_in_the_documented_order() -> None:
    schema = orjson.loads(SCHEMA)
    assert schema["name"] == "ContactChangeEvent"
    assert schema["fields"][0]["name"] == HEADER
    assert [field["name"] for field in schema["fields"][0]["type"]["fields"]][-3:] == [
        "nulledFields",
        "diffFields",
        "changedFields",
    ]


def test_a_schema_id_changes_when_a_field_does() -> None:
    fields = {**CONTACT.fields, "Title": CONTACT.fields["Title"].model_copy(update={"type": FieldType.INT})}
    other = CONTACT.model_copy(update={"fields": fields})
    assert len(schema_id(SCHEMA)) == 22
    assert schema_id(event_schema(other)) != schema_id(SCHEMA)
