"""Advice about the org's schema ends when the catalogue's file follows it, and not before."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.drift import WHOLE_OBJECT, DriftEffect, DriftKind, DriftPolicy, DriftRow, FieldDrift
from schemas.salesforce.object_shape import FieldDescription
from transforms.drift.compare_schema import compare_schema
from transforms.drift.settle import is_lost, settled_fields, settled_objects

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NAME = {"type": "string", "length": 80}
SCORE = {"type": "double"}


def thing(**fields: dict[str, Any]) -> ObjectSpec:
    """The object as a file has it."""
    entry = {"label": "Things", "key_prefix": "a0x", "fields": {"Name": NAME, **fields}}
    return Catalogue.model_validate({"objects": {"Thing__c": entry}}).object("Thing__c")


def described(**fields: dict[str, Any]) -> list[FieldDescription]:
    facts: dict[str, dict[str, Any]] = {"Id": {"type": "id", "length": 18}, "Name": NAME, **fields}
    return [FieldDescription(name=name, **fact) for name, fact in facts.items()]


def decided(spec: ObjectSpec, org: list[FieldDescription]) -> dict[str, DriftRow]:
    found = compare_schema(spec, org, DriftPolicy(), {})
    return {
        each.field: DriftRow(**dict(each), revision=number, at=NOW, found_by="t")
        for number, each in enumerate(found, 1)
    }


def settled(file: ObjectSpec, org: list[FieldDescription], history: dict[str, DriftRow]) -> list[FieldDrift]:
    return settled_fields(file, org, DriftPolicy(), history, [])


BEFORE = [
    # The file as it was, the org as it is, and the file as somebody corrects it.
    pytest.param({}, {"Grade__c": NAME}, {"Grade__c": NAME | {"pii": "none"}}, id="added, and classified"),
    pytest.param({}, {"Grade__c": NAME}, {"Grade__c": {"ignore": True}}, id="added, and ignored"),
    pytest.param({"Score__c": SCORE}, {}, {}, id="removed, and taken out"),
    pytest.param({"Score__c": SCORE}, {"Score__c": NAME}, {"Score__c": NAME}, id="retyped, and corrected"),
    pytest.param(
        {"Score__c": SCORE | {"required": True}},
        {"Score__c": SCORE | {"nullable": True}},
        {"Score__c": SCORE},
        id="optional, and made optional",
    ),
]


@pytest.mark.parametrize(("before", "org", "after"), BEFORE)
def test_advice_ends_when_the_file_follows_it(
    before: dict[str, Any], org: dict[str, Any], after: dict[str, Any]
) -> None:
    history = decided(thing(**before), described(**org))
    (open_row,) = history.values()
    assert open_row.advice
    assert settled(thing(**before), described(**org), history) == []
    (row,) = settled(thing(**after), described(**org), history)
    assert (row.field, row.kind, row.effect, row.advice, row.spec) == (
        open_row.field,
        DriftKind.SETTLED,
        DriftEffect.SETTLED,
        "",
        None,
    )


def test_a_field_that_differs_in_another_way_now_is_not_settled() -> None:
    org = described(Grade__c=NAME)
    history = decided(thing(), org)
    new = compare_schema(thing(), described(Grade__c=SCORE), DriftPolicy(), {})
    assert settled_fields(thing(Grade__c=NAME), org, DriftPolicy(), history, new) == []


def test_what_was_settled_is_settled_once() -> None:
    file, org = thing(Grade__c=NAME), described(Grade__c=NAME)
    (row,) = settled(file, org, decided(thing(), org))
    history = {row.field: DriftRow(**dict(row), revision=2, at=NOW, found_by="t")}
    assert settled(file, org, history) == []


def test_an_object_that_is_out_of_the_file_needs_nobody() -> None:
    history = decided(thing(), described(Grade__c=NAME))
    assert settled_objects(history.values(), {"Thing__c"}) == []
    assert [(row.object, row.field) for row in settled_objects(history.values(), set())] == [
        ("Thing__c", "Grade__c")
    ]


def test_an_object_that_is_back_is_settled_and_may_be_lost_again() -> None:
    lost = FieldDrift(
        object="Thing__c",
        field=WHOLE_OBJECT,
        kind=DriftKind.REMOVED,
        effect=DriftEffect.REPORTED,
        advice="Take it out.",
    )
    history = {WHOLE_OBJECT: DriftRow(**dict(lost), revision=1, at=NOW, found_by="t")}
    assert is_lost(history)
    (back,) = settled(thing(), described(), history)
    assert back.field == WHOLE_OBJECT
    assert not is_lost({WHOLE_OBJECT: DriftRow(**dict(back), revision=2, at=NOW, found_by="t")})
