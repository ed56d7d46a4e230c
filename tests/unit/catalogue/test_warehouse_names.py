"""Names on record: what the catalogue may give, and what belongs to something else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import Catalogue, FieldSpec, FieldType
from schemas.drift import DriftEffect, DriftKind, DriftRow
from schemas.errors import CatalogueError
from transforms.catalogue.warehouse_names import NameRow, named, new_rows, within
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


def test_a_name_on_record_is_not_given_otherwise() -> None:
    message = refused(catalogue(Status=TEXT | {"column": "state"}), [OBJECT, STATUS])
    assert "objects.Thing__c.fields.Status.column: its column is status, not state" in message
    moved = catalogue(other("Order__c", table="order_of_old"))
    message = refused(moved, [OBJECT, NameRow("Order__c", "", "orders", "")])
    assert "objects.Order__c.table: its tables are called orders, not order_of_old" in message


def test_a_table_that_its_object_has_may_be_given() -> None:
    file = catalogue(other("Order__c", table="order_of_old"))
    found = named(file.objects, [OBJECT, NameRow("Order__c", "", "order_of_old", "")])
    assert found["Order__c"].table == "order_of_old"


def test_a_new_name_goes_on_record_with_the_reason_why_it_is_not_the_usual_one() -> None:
    file = catalogue(other("Order__c", table="order_of_old"), Version__c=TEXT)
    rows = new_rows(named(file.objects, [OBJECT]), [OBJECT])
    known = {(row.object, row.field): (row.name, row.why) for row in rows}
    assert ("Thing__c", "") not in known, "it is on record"
    assert known["Order__c", ""] == ("order_of_old", "the catalogue gives it")
    assert known["Thing__c", "Title__c"] == ("title", "")
    assert known["Thing__c", "Version__c"][1].startswith("version is")


def test_an_object_of_usual_names_has_no_reason_on_record() -> None:
    assert new_rows(catalogue().objects, [])[0] == OBJECT


def test_a_name_on_record_counts_before_the_usual_one_and_one_of_a_departed_field_stays() -> None:
    rows = [NameRow("Thing__c", "", "thing_of_old", ""), NameRow("Thing__c", "Title__c", "heading", "")]
    found = named(catalogue().objects, [*rows, STATUS])["Thing__c"]
    assert (found.table, found.columns) == ("thing_of_old", {"Title__c": "heading"})
    assert found.former_columns == {"Status": "status"}


def test_a_new_object_does_not_get_the_tables_of_one_that_is_gone() -> None:
    gone = NameRow("Thing", "", "thing", "")
    found = named(catalogue().objects, [gone])["Thing__c"]
    assert found.table != "thing"


def test_a_warehouse_bounds_every_object() -> None:
    bounded = within(catalogue(other("Order__c")), most_bytes=100, most_row_bytes=900)
    assert [(each.most_bytes, each.most_row_bytes) for each in bounded.objects.values()] == [(100, 900)] * 2
