"""A scorecard counts each change that had to keep a rule, and each that did not."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue
from schemas.ingest.change_types import CREATE, SNAPSHOT, UPDATE
from schemas.quality import ANY_FIELD, FITS, Finding, Rule, Severity
from transforms.quality.open_findings import FoundChange
from transforms.quality.scorecard import RuleCount, rejected_scores, scores

CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            "Thing__c": {
                "label": "Things",
                "key_prefix": "a0x",
                "fields": {
                    "Must__c": {"type": "string", "required": True},
                    "Kind__c": {"type": "picklist", "values": ["a"], "severity": {"values": "isolate"}},
                    "Size__c": {"type": "int", "min": 1, "max": 9, "severity": {"max": "off"}},
                    "Free__c": {"type": "string", "required": True, "severity": {"required": "off"}},
                    "Code__c": {"type": "string", "unique": True},
                    "Parent__c": {"type": "reference", "references": ["Thing__c", "Other__c"]},
                    "Else__c": {"type": "reference", "references": ["Other__c"]},
                },
            }
        }
    }
)
SPEC = CATALOGUE.object("Thing__c")
COLUMNS = ("must", "kind", "size", "free", "code", "parent", "else")
KIND = Finding("Kind__c", "kind", Rule.VALUES, Severity.ISOLATE, "")
SIZE = Finding("Size__c", "size", Rule.MIN, Severity.WARN, "")
MUST = Finding("Must__c", "must", Rule.REQUIRED, Severity.WARN, "")
LONG = Finding("Must__c", "must", Rule.TOO_LONG, Severity.ISOLATE, "")


def table(*rows: dict[str, Any]) -> pa.Table:
    text = pa.large_string()
    kinds = {"size": pa.int64()}
    names = ("change_type", "changed_fields", *[SPEC.columns[name] for name in SPEC.fields])
    schema = pa.schema([(name, kinds.get(name, text)) for name in names])
    return pa.Table.from_pylist([dict.fromkeys(names) | row for row in rows], schema=schema)


def counted(new: pa.Table, *found: Sequence[Finding]) -> dict[tuple[str, str], tuple[int, int]]:
    changes = [FoundChange("r", str(place), "b", tuple(each)) for place, each in enumerate(found)]
    counts = scores(SPEC, CATALOGUE, new, changes)
    assert len({each[:2] for each in counts}) == len(counts)
    return {(each.field, each.rule): (each.checked, each.failed) for each in counts}


def test_a_rule_of_values_is_asked_of_every_value_also_of_those_that_were_kept_out() -> None:
    new = table(
        {"change_type": CREATE, "must": "m", "kind": "a", "size": 5},
        {"change_type": CREATE, "must": "m", "size": 0},
        {"change_type": UPDATE, "changed_fields": "kind"},
        {"change_type": UPDATE, "changed_fields": "size"},
    )
    found = counted(new, [SIZE, KIND], [KIND])
    assert found["Kind__c", "values"] == (3, 2)
    assert found["Size__c", "min"] == (2, 1)
    assert found[ANY_FIELD, FITS] == (4, 0)


def test_a_change_with_several_values_that_do_not_fit_is_one_that_does_not() -> None:
    other = LONG._replace(field="Code__c", column="code")
    new = table(*[{"change_type": CREATE, "must": "m"}] * 5)
    assert counted(new, [LONG, other], [KIND], [LONG, KIND])[ANY_FIELD, FITS] == (5, 2)


def test_what_is_declared_off_or_points_elsewhere_is_not_counted() -> None:
    row = dict.fromkeys(COLUMNS, "x") | {"size": 3, "change_type": CREATE}
    found = counted(table({SPEC.columns.get(name, name): value for name, value in row.items()} | _else()))
    assert found.keys() == {
        (ANY_FIELD, FITS),
        ("Must__c", "required"),
        ("Kind__c", "values"),
        ("Size__c", "min"),
        ("Parent__c", "parent"),
        ("Code__c", "unique"),
    }
    assert set(found.values()) == {(1, 0)}


def _else() -> dict[str, Any]:
    return {SPEC.columns["Else__c"]: "x"}


def test_of_no_changes_nothing_is_counted() -> None:
    assert counted(table()) == {}


CHANGES = st.lists(
    st.tuples(st.sampled_from([CREATE, SNAPSHOT, UPDATE]), st.booleans(), st.booleans(), st.booleans()),
    max_size=8,
)


@given(CHANGES)
def test_whole_records_and_updates_that_carry_the_field_are_asked_for_a_value(
    made: list[tuple[str, bool, bool, bool]],
) -> None:
    rows, found, checked = [], [], 0
    for kind, is_partial, carries, has_value in made:
        is_whole = kind != UPDATE and not is_partial
        carried = is_whole or carries
        value = "m" if carried and has_value else None
        changed = None if is_whole else "must" if carries else "kind"
        rows.append({"change_type": kind, "changed_fields": changed, "must": value})
        checked += carried
        if carried and value is None:
            found.append([MUST])
    counts = counted(table(*rows), *found).get(("Must__c", "required"), (0, 0))
    assert counts == (checked, len(found))


@pytest.mark.parametrize("rejected", [0, 3])
def test_changes_that_are_rejected_count_for_the_object(rejected: int) -> None:
    assert rejected_scores(5, rejected) == [RuleCount(ANY_FIELD, "reject", 5, rejected)]
    assert rejected_scores(0, rejected) == []
