"""An event in Avro, its bitmaps and its schema: read whole, or refused by the one error for it.

The first byte chooses: an event, a set of bitmaps, a schema.
"""

import orjson

from clients.salesforce.streaming.avro import EventDecoder, UndecodableError
from clients.salesforce.streaming.avro_bitmaps import FieldPlace, FieldSets
from sandbox.org.events.event_schema import EventCodec, event_schema
from schemas.catalogue import default_catalogue

_CATALOGUE = default_catalogue()
_SCHEMA = event_schema(_CATALOGUE.object("Contact"))
_CODEC = EventCodec(_SCHEMA)
_DECODER = EventDecoder(_SCHEMA, _CATALOGUE)
_PLACES = [FieldPlace(f"F{place}__c", ("Street", "City") if place % 7 == 3 else ()) for place in range(40)]
_HEADER = {
    "entityName": "Contact", "recordIds": ["003Tg0000000001AAA"], "changeType": "UPDATE", "changeOrigin": "",
    "transactionKey": "1", "sequenceNumber": 1, "commitTimestamp": 1_790_000_000_000, "commitNumber": 5,
    "commitUser": "005Tg0000000001AAA",
}  # fmt: skip
SEEDS = (
    b"e" + _CODEC.encode({"ChangeEventHeader": _HEADER, "Email": "a@b.c", "MailingAddress": {"City": "K"}}),
    b"e"
    + _CODEC.encode(
        {"ChangeEventHeader": _HEADER, "LastName": "L", "Phone": None, "Birthdate": "1990-01-02"}
    ),
    b"b0x650004E0 4-0x10",
    b"b3-0x03 10-0x1 0x0f",
    b"s" + _SCHEMA.encode(),
    b"s"
    + orjson.dumps({"type": "record", "name": "A", "fields": [{"name": "B", "type": ["null", "string"]}]}),
)
WORDS = (
    "0x",
    "-0x",
    '"type":',
    '"record"',
    '"fields":',
    '["null","string"]',
    '"doc":"CreatedDate:DateTime"',
    "long",
)


def check(data: bytes) -> None:
    """Only `UndecodableError`, or `ValueError` of a bitmap; what is read can be written as JSON."""
    kind, body = data[:1], data[1:]
    if kind == b"b":
        _check_bitmaps(body.decode("latin-1").split(" "))
    elif kind == b"s":
        _check_schema(body.decode("utf-8", "replace"))
    else:
        _check_event(_DECODER, body)


def _check_event(decoder: EventDecoder, body: bytes) -> None:
    try:
        payload = decoder.payload(body)
    except UndecodableError:
        return
    orjson.dumps(payload)


def _check_bitmaps(bitmaps: list[str]) -> None:
    try:
        found = FieldSets(_PLACES).paths(bitmaps)
    except ValueError:
        return
    known = {place.name: place.parts for place in _PLACES}
    assert all(path[0] in known and set(path[1:]) <= set(known[path[0]]) for path in found), found


def _check_schema(text: str) -> None:
    try:
        decoder = EventDecoder(text, _CATALOGUE)
    except UndecodableError:
        return
    _check_event(decoder, b"\0" * 64)
