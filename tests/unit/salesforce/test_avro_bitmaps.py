"""Bitmaps over 800 fields name the fields that they mean, those of nested records at any place
too.
"""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from clients.salesforce.streaming.avro import EventDecoder
from clients.salesforce.streaming.avro_bitmaps import FieldPlace, FieldSets
from sandbox.org.events.event_schema import HEADER, EventCodec, event_schema
from schemas.catalogue import Catalogue, FieldSpec, FieldType, ObjectSpec, default_catalogue
from tests.sandbox.events.test_avro import header
from tests.support.builders.wide import field_name

FIELDS, PARTS = 800, ("Street", "City", "State", "PostalCode", "Country")
PLACES = [FieldPlace(field_name(n, 60), PARTS if n % 7 == 3 else ()) for n in range(FIELDS)]
SETS = FieldSets(PLACES)
NESTED = [place for place, field in enumerate(PLACES) if field.parts]


def bitmap(bits: set[int], digits: int, *, is_upper: bool) -> str:
    """Of any length that holds the bits, in either case: the guide shows both."""
    text = f"{sum(1 << bit for bit in bits):x}".rjust(digits, "0")
    return f"0x{text.upper() if is_upper else text}"


@given(
    st.sets(st.integers(0, FIELDS - 1)),
    st.dictionaries(st.sampled_from(NESTED), st.sets(st.integers(0, len(PARTS) - 1), min_size=1)),
    st.integers(0, 220),
    st.booleans(),
)
def test_every_set_of_fields_and_parts_is_read_back(
    top: set[int], nested: dict[int, set[int]], digits: int, is_upper: bool
) -> None:
    written = [bitmap(top, digits, is_upper=is_upper)] if top else []
    written += [f"{place}-{bitmap(bits, 2, is_upper=is_upper)}" for place, bits in nested.items()]
    wanted: list[tuple[str, ...]] = [(PLACES[place].name,) for place in sorted(top)]
    wanted += [(PLACES[place].name, PARTS[bit]) for place, bits in nested.items() for bit in sorted(bits)]
    assert list(SETS.paths(written)) == wanted


@given(st.integers(FIELDS, 2_000), st.sampled_from(NESTED), st.integers(len(PARTS), 300))
def test_a_bit_past_the_last_field_or_part_is_refused(beyond: int, place: int, part: int) -> None:
    for written in (
        bitmap({0, beyond}, 2, is_upper=False),
        f"{place}-{bitmap({part}, 2, is_upper=False)}",
        f"{beyond}-0x01",
    ):
        with pytest.raises(ValueError, match=r"."):
            SETS.paths([written])


def wide_object() -> ObjectSpec:
    """800 custom fields, then two compounds, which stand behind place 255."""
    contact = default_catalogue().objects["Contact"]
    kinds = (FieldType.STRING, FieldType.DOUBLE, FieldType.DATE, FieldType.BOOLEAN, FieldType.DATETIME)
    fields = {field_name(n, 60): FieldSpec(type=kinds[n % len(kinds)]) for n in range(FIELDS)}
    parts = {name: spec for name, spec in contact.fields.items() if spec.part_of is not None}
    others = {name: spec for name, spec in contact.fields.items() if name not in parts}
    described = contact.model_dump() | {"name": "Contact", "fields": {**fields, **others, **parts}}
    return ObjectSpec.model_validate(described)


SPEC = wide_object()
SCHEMA = event_schema(SPEC)
CODEC = EventCodec(SCHEMA)
DECODER = EventDecoder(
    SCHEMA, Catalogue.model_validate({"objects": {"Contact": SPEC.model_dump() | {"name": "Contact"}}})
)
CUSTOM = tuple(name for name in SPEC.fields if name.endswith("xxx__c"))
VALUES: dict[FieldType, Any] = {
    FieldType.STRING: st.text("aé\n", min_size=1, max_size=5),
    FieldType.DOUBLE: st.integers(-(10**6), 10**6).map(float),
    FieldType.DATE: st.dates().map(lambda day: day.isoformat()),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATETIME: st.just("2026-01-02T03:04:05Z"),
}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the 800 fields and parts of the compounds, set or emptied."""
    chosen = draw(st.sets(st.sampled_from(CUSTOM), max_size=40) | st.just(set(CUSTOM)))
    body = {name: draw(st.none() | VALUES[SPEC.fields[name].type]) for name in sorted(chosen)}
    if draw(st.booleans()):
        body["Name"] = {"LastName": draw(st.none() | st.just("L")), "FirstName": draw(st.just("F"))}
    if draw(st.booleans()):
        body["MailingAddress"] = {"City": draw(st.none() | st.just("C"))}
    return body


@given(bodies())
@settings(deadline=None, max_examples=60)
def test_an_update_of_any_of_800_fields_comes_out_as_it_went_in(body: dict[str, Any]) -> None:
    found = DECODER.payload(CODEC.encode({HEADER: header("UPDATE"), **body}))
    told = found[HEADER].pop("changedFields")
    assert found == {HEADER: header("UPDATE"), **body}
    assert {name.partition(".")[0] for name in told} == set(body)


def test_compounds_of_a_wide_object_stand_behind_place_255() -> None:
    """The base of the test before."""
    names = [field["name"] for field in orjson.loads(SCHEMA)["fields"]]
    assert len(names) > FIELDS
    assert names.index("MailingAddress") > 255
