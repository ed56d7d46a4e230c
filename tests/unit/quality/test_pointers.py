"""References whose parents are looked for are those to objects that the catalogue has."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import Catalogue
from schemas.quality import Rule
from transforms.quality.references import (
    Pointing,
    asked_fields,
    children_of,
    is_parent,
    looks_at_others,
    note_table,
    parents_of,
    pointers,
)

AT = datetime(2026, 9, 21, tzinfo=UTC)


def entry(prefix: str, **fields: dict[str, Any]) -> dict[str, Any]:
    return {"label": prefix, "key_prefix": prefix, "fields": {f"{n}__c": spec for n, spec in fields.items()}}


def to(*names: str, **more: Any) -> dict[str, Any]:
    return {"type": "reference", "references": list(names), **more}


CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            "Child__c": entry(
                "a01",
                Mother=to("Parent__c", "Elsewhere__c", severity={"parent": "note"}),
                Any=to("Parent__c", "Other__c"),
                Off=to("Quiet__c", severity={"parent": "off"}),
                Away=to("Elsewhere__c"),
                Code={"type": "string", "unique": True},
            ),
            "Parent__c": entry("a02", Name={"type": "string"}),
            "Other__c": entry("a03", Code={"type": "string", "unique": True}),
            "Quiet__c": entry("a04", Name={"type": "string"}),
            "Single__c": entry("a05", Code={"type": "string", "unique": True}, Off=to("Elsewhere__c")),
        }
    }
)
CHILD, PARENT, OTHER, QUIET, SINGLE = CATALOGUE.objects.values()


def test_a_field_points_to_the_objects_that_the_catalogue_has() -> None:
    found = pointers(CHILD, CATALOGUE)
    assert [(each.field, dict(each.parents)) for each in found] == [
        ("Mother__c", {"a02": PARENT}),
        ("Any__c", {"a02": PARENT, "a03": OTHER}),
    ]
    assert [each.column for each in found] == [CHILD.columns["Mother__c"], CHILD.columns["Any__c"]]
    assert pointers(PARENT, CATALOGUE) == []
    assert parents_of(CHILD, CATALOGUE) == [PARENT, OTHER]


def test_the_children_of_an_object_are_the_fields_that_may_point_to_it() -> None:
    def names(parent: Any) -> list[tuple[str, str]]:
        return [(spec.name, pointer.field) for spec, pointer in children_of(parent, CATALOGUE)]

    assert names(PARENT) == [("Child__c", "Mother__c"), ("Child__c", "Any__c")]
    assert names(OTHER) == [("Child__c", "Any__c")]
    assert names(QUIET) == names(CHILD) == []


@pytest.mark.parametrize(
    ("spec", "is_one", "looks"),
    [
        (CHILD, False, True),
        (PARENT, True, True),
        (OTHER, True, True),
        (QUIET, False, False),
        (SINGLE, False, True),
    ],
    ids=lambda each: getattr(each, "name", str(each)),
)
def test_changes_are_looked_at_for_a_parent_a_child_or_a_value_of_one_record_alone(
    spec: Any, is_one: bool, looks: bool
) -> None:
    assert is_parent(spec, CATALOGUE) is is_one
    assert looks_at_others(spec, CATALOGUE) is looks


def test_fields_are_asked_for_by_rule_and_an_unknown_object_has_none() -> None:
    assert asked_fields(CATALOGUE, "Child__c", Rule.UNIQUE) == {"Code__c"}
    assert asked_fields(CATALOGUE, "Child__c", Rule.PARENT) == {"Mother__c", "Any__c"}
    assert asked_fields(CATALOGUE, "Nothing__c", Rule.PARENT) == frozenset()


@pytest.mark.parametrize(
    ("rule", "state", "field", "severity", "begins"),
    [
        (Rule.PARENT, "waits", "Mother__c", "note", "the record T is not in the warehouse"),
        (Rule.PARENT, "waits", "Any__c", "warn", "the record T is not in the warehouse"),
        (Rule.UNIQUE, None, "Code__c", "warn", "the record T has the same value"),
    ],
)
def test_a_note_names_the_other_record_and_a_missing_parent_is_waited_for(
    rule: Rule, state: str | None, field: str, severity: str, begins: str
) -> None:
    (row,) = note_table(CHILD, rule, [Pointing("R", field, "T", "1", "b")], AT).to_pylist()
    wanted = {
        "object": "Child__c",
        "record_id": "R",
        "field": field,
        "rule": str(rule),
        "severity": severity,
        "change_order": "1",
        "batch": "b",
        "first_seen_at": AT,
        "last_seen_at": AT,
        "seen": 1,
        "target": "T",
        "state": state,
    }
    assert {name: row[name] for name in wanted} == wanted
    assert row["detail"].startswith(begins)
