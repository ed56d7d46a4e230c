"""The catalogue with decisions over it: which of them count, and which do not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import Catalogue, FieldSpec, FieldType, ObjectSpec
from schemas.drift import DriftEffect, DriftKind, DriftRow
from transforms.drift.compare_schema import field_called, overlaid

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TEXT: dict[str, Any] = {"type": "string", "length": 80}


def catalogue(**fields: dict[str, Any]) -> Catalogue:
    entry = {"label": "Things", "key_prefix": "a0x", "fields": {"Name": TEXT, **fields}}
    return Catalogue.model_validate({"objects": {"Thing__c": entry}})


def row(field: str, *, was: str = "", object_name: str = "Thing__c", **spec: Any) -> DriftRow:
    """A decision for another entry; one without an entry is a report."""
    return DriftRow(
        object=object_name,
        field=field,
        kind=DriftKind.WIDENED if was else DriftKind.ADDED,
        effect=DriftEffect.CHANGED if was else DriftEffect.ADDED,
        was=was,
        spec=FieldSpec(type=FieldType.STRING, **spec) if spec else None,
        revision=1,
        at=NOW,
        found_by="t",
    )


def over(file: Catalogue, *rows: DriftRow) -> dict[str, int]:
    """The lengths of the fields."""
    return {name: spec.length for name, spec in overlaid(file, rows)["Thing__c"].fields.items()}


def test_a_decision_about_an_entry_that_the_file_has_corrected_since_does_not_count() -> None:
    widened = row("Name", was="string(80)", length=255)
    assert over(catalogue(), widened) == {"Name": 255}
    assert over(catalogue(Name=TEXT | {"length": 100}), widened) == {"Name": 100}


def test_a_decision_about_a_field_that_is_out_of_the_file_does_not_bring_it_back() -> None:
    assert over(catalogue(), row("Gone__c", was="string(80)", length=255)) == {"Name": 80}


@pytest.mark.parametrize(
    "passed_over",
    [
        pytest.param(row("New__c"), id="a report"),
        pytest.param(row("New__c", object_name="Gone__c", length=20), id="of no object of the file"),
        pytest.param(row("Left__c", length=20), id="of a field that the file ignores"),
    ],
)
def test_a_decision_that_is_passed_over_hides_none_behind_it(passed_over: DriftRow) -> None:
    file = catalogue(Left__c={"ignore": True})
    assert over(file, passed_over, row("Other__c", length=9)) == {"Name": 80, "Other__c": 9}


PARTS: dict[str, dict[str, Any]] = {
    "BillingCity": TEXT | {"part_of": "BillingAddress", "part": "City"},
}


@pytest.mark.parametrize(
    ("known_as", "field"),
    [
        ("Name", "Name"),
        ("BillingAddress.City", "BillingCity"),
        ("BillingCity", "BillingCity"),
        ("Absent", None),
        ("BillingAddress.Street", None),
        ("OtherAddress.City", None),
        ("BillingAddress.City.More", None),
        ("Name.City", None),
    ],
)
def test_a_change_names_a_field_by_its_name_or_by_its_place_in_a_compound(
    known_as: str, field: str | None
) -> None:
    spec: ObjectSpec = catalogue(**PARTS).object("Thing__c")
    assert field_called(spec, known_as) == field
