"""Avro change events come out in CometD's form; what cannot be read is refused, never guessed."""

import io
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given, strategies as st

from clients.salesforce.streaming.avro import EventDecoder, UndecodableError
from clients.salesforce.streaming.avro_bitmaps import FieldPlace, FieldSets
from sandbox.org.events.event_schema import HEADER, EventCodec, event_schema
from schemas.catalogue import default_catalogue
from tests.sandbox.events.test_avro import bodies, header

CATALOGUE = default_catalogue()
SCHEMA = event_schema(CATALOGUE.objects["Contact"])
CODEC = EventCodec(SCHEMA)
DECODER = EventDecoder(SCHEMA, CATALOGUE)

# The order of Account's fields in the samples of the Pub/Sub API Guide, "Event Deserialization
# Considerations".
ACCOUNT = [
    "ChangeEventHeader",
    "Name",
    "Type",
    "ParentId",
    "BillingAddress",
    "ShippingAddress",
    "Phone",
    "Fax",
    "AccountNumber",
    "Website",
    "Sic",
    "Industry",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Ownership",
    "TickerSymbol",
    "Description",
    "Rating",
    "Site",
    "OwnerId",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
]
ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
SETS = FieldSets([FieldPlace(name, ADDRESS if name.endswith("Address") else ()) for name in ACCOUNT])


def names(*bitmaps: str) -> list[str]:
    return [".".join(path) for path in SETS.paths(bitmaps)]


@pytest.mark.parametrize(
    ("bitmaps", "fields"),
    [
        (["0x400800"], ["Industry", "LastModifiedDate"]),
        (["0x010000"], ["Description"]),
        (["0x400040", "4-0x02"], ["Phone", "LastModifiedDate", "BillingAddress.City"]),
        (["4-0x03"], ["BillingAddress.Street", "BillingAddress.City"]),
        (["0x02", "4-0x10", "5-0x06"], ["Name", "BillingAddress.Country", "ShippingAddress.City", "ShippingAddress.State"]),
        (["0x0a"], ["Name", "ParentId"]),
        (["0x00"], []),
        ([], []),
    ],
)  # fmt: skip
def test_a_bitmap_names_the_fields_at_its_bits(bitmaps: list[str], fields: list[str]) -> None:
    assert names(*bitmaps) == fields


@pytest.mark.parametrize(
    "bitmap", ["0x01000000", "4-0x0100", "6-0x01", "77-0x01", "-4-0x01", "0xZZ", "12", "", "x-0x01"]
)
def test_a_bitmap_that_names_what_the_schema_lacks_is_refused(bitmap: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        names(bitmap)


@given(bodies(), st.sampled_from(["UPDATE", "GAP_UPDATE"]))
def test_an_update_comes_out_as_it_went_in(body: dict[str, Any], change: str) -> None:
    if change != "UPDATE":
        body = {}
    payload = {HEADER: header(change), **body}
    found = DECODER.payload(CODEC.encode(payload))
    told = found[HEADER].pop("changedFields")
    assert found == payload
    assert {name.partition(".")[0] for name in told} == set(body)


@given(bodies())
def test_a_create_comes_out_without_what_is_empty(body: dict[str, Any]) -> None:
    found = DECODER.payload(CODEC.encode({HEADER: header("CREATE"), **_undiffed(body)}))
    assert found.pop(HEADER) == header("CREATE") | {"changedFields": []}
    assert found == _filled(_undiffed(body))


def _undiffed(body: dict[str, Any]) -> dict[str, Any]:
    return {n: v["diff"] if isinstance(v, dict) and "diff" in v else v for n, v in body.items()}


def _filled(body: dict[str, Any]) -> dict[str, Any]:
    """Fields of a create over CometD: no nulls, and no compound of nothing but nulls."""
    filled = {n: _filled(v) if isinstance(v, dict) else v for n, v in body.items() if v is not None}
    return {name: value for name, value in filled.items() if value != {}}


@given(st.data())
def test_a_damaged_event_is_refused_or_read_whole_but_nothing_else_happens(data: st.DataObject) -> None:
    good = CODEC.encode({HEADER: header("UPDATE"), "Email": "a@example.com", "Birthdate": "1990-02-03"})
    damage = data.draw(st.sampled_from(["cut", "longer", "flip"]))
    place = data.draw(st.integers(0, len(good) - 1))
    if damage == "cut":
        bad = good[:place]
    elif damage == "longer":
        bad = good + data.draw(st.binary(min_size=1, max_size=5))
    else:
        bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    try:
        found = DECODER.payload(bad)
    except UndecodableError:
        return
    assert damage == "flip"
    orjson.dumps(found)


def record_schema(*fields: dict[str, Any], name: str = "ThingChangeEvent") -> str:
    return orjson.dumps({"type": "record", "name": name, "fields": list(fields)}).decode()


def optional(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": ["null", kind], "default": None, **more}


def decoded(schema: str, record: dict[str, Any]) -> dict[str, Any]:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(orjson.loads(schema)), record)
    return EventDecoder(schema, CATALOGUE).payload(out.getvalue())


def test_a_field_that_the_catalogue_lacks_is_a_date_when_its_schema_says_so() -> None:
    schema = record_schema(
        optional("CloseDate", "long", doc="Data:DateOnly:00N000000000001"),
        optional("SeenAt", "long", doc="CreatedDate:DateTime"),
        optional("Count", "long", doc="Data:Long"),
    )
    found = decoded(schema, {"CloseDate": -86_400_000, "SeenAt": 1_500_000_000_123, "Count": 7})
    assert found == {"CloseDate": "1969-12-31", "SeenAt": "2017-07-14T02:40:00.123Z", "Count": 7}


def test_a_moment_within_a_day_is_not_cut_to_a_date() -> None:
    schema = record_schema(optional("CloseDate", "long", doc="Data:DateOnly"))
    assert decoded(schema, {"CloseDate": 1_500_000_000_000}) == {"CloseDate": "2017-07-14T02:40:00Z"}


def test_a_logical_type_changes_nothing() -> None:
    schema = record_schema(optional("SeenAt", {"type": "long", "logicalType": "timestamp-millis"}))
    assert decoded(schema, {"SeenAt": 5}) == {"SeenAt": 5}


def test_a_compound_that_is_named_again_is_read_like_its_first() -> None:
    address = {"type": "record", "name": "Address", "fields": [optional("City", "string")]}
    bits = {"type": "array", "items": "string"}
    inner = {
        "name": HEADER,
        "type": {"type": "record", "name": HEADER, "fields": [{"name": "nulledFields", "type": bits}]},
    }
    schema = record_schema(
        inner, optional("A", address), {"name": "B", "type": ["null", "string", "Address"]}
    )
    record = {HEADER: {"nulledFields": ["2-0x01"]}, "A": {"City": "Bergen"}, "B": {"City": None}}
    assert decoded(schema, record) == {HEADER: {}, "A": {"City": "Bergen"}, "B": {"City": None}}


FIXED: dict[str, Any] = {"type": "fixed", "name": "Two", "size": 2}
BINARY = [
    pytest.param("bytes", b"\xffa", {"base64": "/2E="}, id="bytes"),
    pytest.param(FIXED, b"\xffa", {"base64": "/2E="}, id="fixed"),
    pytest.param({"type": "array", "items": "bytes"}, [b"a"], [{"base64": "YQ=="}], id="in an array"),
    pytest.param({"type": "map", "values": "bytes"}, {"b": b"a"}, {"b": {"base64": "YQ=="}}, id="in a map"),
]


@pytest.mark.parametrize(("kind", "value", "told"), BINARY)
def test_bytes_cost_no_other_field(kind: Any, value: Any, told: Any) -> None:
    """They come as an object, which fits no field."""
    schema = record_schema(optional("X", kind), optional("Y", "string"))
    assert decoded(schema, {"X": value, "Y": "y"}) == {"X": told, "Y": "y"}


def test_bytes_in_a_part_cost_no_other_part() -> None:
    address = {"type": "record", "name": "A", "fields": [optional("X", "bytes"), optional("Y", "string")]}
    found = decoded(record_schema(optional("Address", address)), {"Address": {"X": b"a", "Y": "y"}})
    assert found == {"Address": {"X": {"base64": "YQ=="}, "Y": "y"}}


@pytest.mark.parametrize("kind", ["long", "double"])
@pytest.mark.parametrize(("value", "told"), [("a", "a"), (b"a", {"base64": "YQ=="})])
def test_a_number_that_may_be_something_else_is_kept_as_what_it_is(kind: str, value: Any, told: Any) -> None:
    schema = record_schema(
        {"name": "CloseDate", "type": ["null", kind, "string", "bytes"], "doc": "DateOnly"}
    )
    assert decoded(schema, {"CloseDate": value}) == {"CloseDate": told}


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [("double", float("nan"), "nan"), ("double", float("inf"), "inf"), ("long", 10**15, 10**15)],
)
def test_a_value_that_is_none_of_its_field_costs_no_other_field(kind: str, value: Any, told: Any) -> None:
    """It comes in a form that staging names for its wrong type."""
    schema = record_schema(optional("X", kind) | {"doc": "Data:DateTime:00N"}, optional("Y", "string"))
    assert decoded(schema, {"X": value, "Y": "y"}) == {"X": told, "Y": "y"}


def test_a_time_of_day_comes_as_cometd_writes_it() -> None:
    schema = record_schema(optional("X", "long") | {"doc": "Data:TimeOnly:00N"})
    assert decoded(schema, {"X": 63_000_500}) == {"X": "17:30:00.500Z"}
    assert decoded(schema, {"X": 86_400_000}) == {"X": 86_400_000}


@pytest.mark.parametrize(
    ("encoded", "told"),
    [
        pytest.param(b"\xff", "\ufffd\0", id="no UTF-8"),
        pytest.param(b"a\xed\xa0\x80b", "a\ufffd\0b", id="half a surrogate pair"),
        pytest.param(b"\xc3", "\ufffd\0", id="a character cut short"),
        pytest.param("\ufffd\xe9".encode() + b"\xff", "\ufffd\xe9\ufffd\0", id="beside good ones"),
        pytest.param("\ufffd".encode(), "\ufffd", id="a replacement character that was sent"),
    ],
)
def test_a_text_that_is_no_utf8_costs_no_other_field(encoded: bytes, told: str) -> None:
    """The NUL makes staging say that the text landed without something."""
    kinds: list[dict[str, Any]] = [{"name": "X", "type": "string"}, {"name": "Y", "type": ["null", "string"]}]
    body = bytes([2 * len(encoded)]) + encoded + b"\x02\x02y"
    for schema in (record_schema(*kinds), record_schema(*kinds, {"name": "Z", "type": ["null", "bytes"]})):
        whole = body + (b"\0" if "bytes" in schema else b"")
        assert EventDecoder(schema, CATALOGUE).payload(whole) == {"X": told, "Y": "y"}


@pytest.mark.parametrize("schema", ["", "[]", '"string"', '{"type": "array", "items": "string"}', "{"])
def test_what_is_no_schema_of_a_record_is_refused(schema: str) -> None:
    with pytest.raises(UndecodableError):
        EventDecoder(schema, CATALOGUE)
