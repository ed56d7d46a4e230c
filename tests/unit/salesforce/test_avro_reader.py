"""The short way through an event gives what fastavro gives, and gives up on the rest."""

import io
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given, strategies as st

from clients.salesforce.streaming.avro import EventDecoder, UndecodableError
from clients.salesforce.streaming.avro_reader import OddError, event_reader
from schemas.catalogue import default_catalogue

HEADER: dict[str, Any] = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "recordIds", "type": {"type": "array", "items": "string"}},
        {"name": "changeType", "type": {"type": "enum", "name": "Type", "symbols": ["CREATE", "UPDATE"]}},
        {"name": "commitNumber", "type": "long"},
        {"name": "sequenceNumber", "type": {"type": "int"}},
        {"name": "commitUser", "type": ["null", "string"]},
    ],
}
PARTS: dict[str, Any] = {
    "type": "record",
    "name": "Parts",
    "fields": [
        {"name": "FirstName", "type": ["null", "string"]},
        {"name": "Since", "type": ["null", "long"], "doc": "Since:DateTime"},
        {"name": "Deep", "type": ["null", {"type": "record", "name": "Deep", "fields": [
            {"name": "Name", "type": ["null", "string"]}]}]},
    ],
}  # fmt: skip
FIELDS: list[dict[str, Any]] = [
    {"name": "ChangeEventHeader", "type": HEADER},
    {"name": "Name", "type": ["null", "string", PARTS]},
    {"name": "Quote'\"\n", "type": ["null", "string"]},
    {"name": "Plain", "type": "string"},
    {"name": "Count", "type": ["null", "int"]},
    {"name": "Share", "type": ["double", "null"]},
    {"name": "Done", "type": ["null", "boolean"]},
    {"name": "At", "type": ["null", "long"], "doc": "At:DateTime"},
    {"name": "Mixed", "type": ["null", "long", "string", "boolean"], "doc": "Mixed:DateOnly"},
]
SCHEMA: dict[str, Any] = {"type": "record", "name": "ThingChangeEvent", "fields": FIELDS}
PARSED = fastavro.parse_schema({**SCHEMA, "fields": [dict(each) for each in FIELDS]})
DECODER = EventDecoder(orjson.dumps(SCHEMA).decode(), default_catalogue())

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
WHOLE = st.integers(-(2**61), 2**61)
"""A longer number takes the long way."""
RECORDS = st.fixed_dictionaries(
    {
        "ChangeEventHeader": st.fixed_dictionaries(
            {
                "recordIds": st.lists(TEXTS, max_size=3),
                "changeType": st.sampled_from(["CREATE", "UPDATE"]),
                "commitNumber": WHOLE,
                "sequenceNumber": st.integers(0, 2**31 - 1),
                "commitUser": st.none() | TEXTS,
            }
        ),
        "Name": st.none()
        | TEXTS
        | st.fixed_dictionaries(
            {
                "FirstName": st.none() | TEXTS,
                "Since": st.none() | WHOLE,
                "Deep": st.none() | st.fixed_dictionaries({"Name": st.none() | TEXTS}),
            }
        ),
        "Quote'\"\n": st.none() | TEXTS,
        "Plain": TEXTS,
        "Count": st.none() | st.integers(-(2**31), 2**31 - 1),
        "Share": st.none() | st.floats(),
        "Done": st.none() | st.booleans(),
        "At": st.none() | WHOLE,
        "Mixed": st.none() | TEXTS | st.booleans(),
    }
)
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)


def encoded(record: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, PARSED, record)
    return sink.getvalue()


def answer(read: Any, event: bytes) -> Any:
    """The payload's JSON, names in their order, or the error."""
    try:
        return orjson.dumps(read(event))
    except UndecodableError as error:
        return str(error)


@given(RECORDS)
def test_an_event_is_the_same_on_both_ways(record: dict[str, Any]) -> None:
    event = encoded(record)
    assert DECODER._reader is not None
    assert orjson.dumps(DECODER._told(DECODER._reader(event))) == answer(DECODER._checked_payload, event)


@given(RECORDS, CHANGES, st.integers(-20, 0), st.binary(max_size=3))
def test_a_damaged_event_is_told_as_fastavro_tells_it(
    record: dict[str, Any], changes: list[tuple[int, int]], cut: int, more: bytes
) -> None:
    event = bytearray(encoded(record))
    for place, byte in changes:
        event[place % len(event)] = byte
    damaged = bytes(event[: cut or None]) + more
    assert answer(DECODER.payload, damaged) == answer(DECODER._checked_payload, damaged)


@pytest.mark.parametrize(
    "kind",
    ["bytes", "float", "Parts", {"type": "map", "values": "string"}, {"type": "array", "items": "long"}],
)
def test_a_type_that_change_events_lack_is_left_to_fastavro(kind: Any) -> None:
    with pytest.raises(OddError):
        event_reader([{"name": "A", "type": ["null", kind]}], {}, {})
