"""Names on record: what the catalogue may give, and what belongs to something else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import Catalogue, FieldSpec, FieldType
from schemas.drift import DriftEffect, DriftKind, DriftRow
from schemas.errors import CatalogueError
from transforms.catalogue.warehouse_names import NameRow, named, new_rows
from transforms.drift.compare_schema import overlaid

TEXT: dict[str, Any] = {"type": "string"}
OBJECT = NameRow("Thing__c", "", "thing", "")
STATUS = NameRow("Thing__c", "Status", "status", "")


def catalogue(objects: dict[str, dict[str, Any]] | None = None, /, **fields: dict[str, Any]) -> Catalogue:
    """One object with these fields, and others as they are given."""
    thing = {"label": "T", "key_prefix": "a0x", "fields": {"Title__c": TEXT, **fields}}
    return Catalogue.model_validate({"objects": {"Thing__c": thing, **(objects or {})}})


def other(name: str, **facts: Any) -> dict[str, dict[str, Any]]:
    return {name: {"label": "O", "key_prefix": "a1x", "fields": {"Title__c": TEXT}, **facts}}


def refused(file: Catalogue, rows: Sequence[NameRow]) -> str:
    with pytest.raises(CatalogueError) as caught:
        named(file.objects, rows)
    return str(caught.value)


def test_a_given_column_that_a_departed_field_has_is_refused() -> None:
    message = refused(catalogue(Other__c=TEXT | {"column": "status"}), [OBJECT, STATUS])
    assert "objects.Thing__c.fields.Other__c.column: status has the values of Status" in message


def test_a_given_column_that_a_present_field_has_is_refused() -> None:
    row = NameRow("Thing__c", "Status__c", "state", "")
    assert "has the values of Status__c" in refused(
        catalogue(Status__c=TEXT, Other__c=TEXT | {"column": "state"}), [OBJECT, row]
    )


def test_a_given_column_of_another_object_is_taken() -> None:
    row = NameRow("Else__c", "Status", "status", "")
    found = named(catalogue(Other__c=TEXT | {"column": "status"}).objects, [OBJECT, row])
    assert found["Thing__c"].columns["Other__c"] == "status"


def test_a_column_that_its_field_has_may_be_given() -> None:
    found = named(catalogue(Status=TEXT | {"column": "status"}).objects, [OBJECT, STATUS])
    assert found["Thing__c"].columns["Status"] == "status"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_given_table_that_another_object_has_is_refused(is_there: bool) -> None:
    objects = other("Order__c", table="thing_of_old") | (other("Old__c") if is_there else {})
    message = refused(catalogue(objects), [OBJECT, NameRow("Old__c", "", "thing_of_old", "")])
    assert "objects.Order__c.table: the tables called thing_of_old are those of Old__c" in message


def decision(field: str, **spec: Any) -> DriftRow:
    return DriftRow(
        object="Thing__c",
        field=field,
        kind=DriftKind.ADDED,
        effect=DriftEffect.ADDED,
        spec=FieldSpec(type=FieldType.STRING, added=True, **spec),
        revision=1,
        at=datetime(2026, 11, 25, tzinfo=UTC),
        found_by="t",
    )


def test_a_given_column_that_a_field_found_in_the_org_has_is_refused_before_anything_is_written() -> None:
    """The file lacks the field, so nothing but its name on record tells of it."""
    rows = [OBJECT, *new_rows(named(overlaid(catalogue(), [decision("New__c")]), [OBJECT]), [OBJECT])]
    assert NameRow("Thing__c", "New__c", "new", "") in rows
    assert "new has the values of New__c" in refused(catalogue(Y__c=TEXT | {"column": "new"}), rows)
    corrected = named(overlaid(catalogue(Y__c=TEXT), [decision("New__c")]), rows)["Thing__c"]
    assert (corrected.columns["New__c"], corrected.columns["Y__c"]) == ("new", "y")


def test_what_is_on_record_wrongly_is_told_as_an_error_of_the_catalogue() -> None:
    """A release before this one put the name on record for both."""
    rows = [OBJECT, *(NameRow("Thing__c", name, "new", "") for name in ("New__c", "Y__c"))]
    file = catalogue(Y__c=TEXT | {"column": "new"})
    with pytest.raises(CatalogueError, match=r"(New|Y)__c and (New|Y)__c"):
        named(overlaid(file, [decision("New__c")]), rows)


def test_a_file_that_cannot_be_beside_a_decision_is_told_as_an_error_of_the_catalogue() -> None:
    file = catalogue(Mine__c=TEXT | {"part_of": "Name", "part": "First"})
    with pytest.raises(CatalogueError, match="would be the same part of Name"):
        overlaid(file, [decision("New__c", part_of="Name", part="First")])


def test_a_field_that_the_file_ignores_is_not_brought_back_by_a_decision() -> None:
    file = catalogue(New__c={"ignore": True})
    assert overlaid(file, [decision("New__c")]) == file.objects
