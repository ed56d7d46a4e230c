"""The generated models of objects with and without history: their columns, and the description of
each.
"""

import re
from datetime import timedelta
from typing import Any

import pytest

from schemas.catalogue import Catalogue, ObjectSpec
from transforms.model import model_project
from transforms.model.attributes import Attribute, attributes_of, label_of
from transforms.model.dimensions import dimension_model
from transforms.model.marts import MART_FIELDS
from transforms.model.masks import masked_model, masked_view
from transforms.model.project_files import FRESHNESS
from transforms.model.properties import (
    dimension_properties,
    masked_properties,
    sources,
    staging_properties,
    yaml_text,
)
from transforms.model.staging import staging_models

VISIT = {
    "label": "Home visits",
    "key_prefix": "a0v",
    "history": True,
    "fields": {
        "Name": {"type": "string", "pii": "personal"},
        "Diagnosis__c": {"type": "string", "pii": "sensitive"},
        "Outcome__c": {"type": "picklist", "values": ["Met", "Absent"], "column": "visit_outcome"},
        "Wish__c": {"type": "picklist", "values": ["Tea"], "severity": {"values": "off"}},
        "Topics__c": {"type": "multipicklist", "values": ["A", "B"]},
        "Report__c": {"type": "textarea", "length": 256},
        "Secret__c": {"type": "textarea", "length": 256, "pii": "personal"},
        "Hint__c": {"type": "textarea", "length": 255},
        "Essay__c": {"type": "string", "length": 4_000},
        "Cost__c": {"type": "currency", "scale": 4},
        "Count__c": {"type": "int", "calculated": True},
        "OwnerId": {"type": "reference", "references": ["Group", "User"]},
        "Judge__c": {"type": "reference", "references": ["User"], "pii": "personal"},
        "Parent__c": {"type": "reference", "references": ["Visit__c"]},
        "Program__c": {"type": "string"},
    },
}
CASE = {
    "label": "Cases",
    "key_prefix": "500",
    "fields": {
        "Status": {"type": "picklist"},
        "Origin": {"type": "string"},
        "Queue__c": {"type": "string"},
        "Program__c": {"type": "string", "pii": "personal"},
    },
}
CATALOGUE = Catalogue.model_validate({"objects": {"Visit__c": VISIT, "Case": CASE}})
LONG = {"report", "secret"}
PERSONAL = {"name", "diagnosis", "judge", "secret"}
FIELDS = {attribute.name for attribute in attributes_of(CATALOGUE.object("Visit__c"))}


def attributes(spec: ObjectSpec) -> tuple[Attribute, ...]:
    return attributes_of(spec, MART_FIELDS.get(spec.name))


def texts() -> dict[str, str]:
    """Model -> its SQL."""
    made: dict[str, str] = {}
    for spec in CATALOGUE.objects.values():
        made |= staging_models(spec, attributes(spec))
        made[f"dim_{spec.table}"] = dimension_model(spec, attributes(spec))
        made[masked_view(spec)] = masked_model(spec, attributes(spec))
    return made


def selected(name: str) -> list[str]:
    """The columns of the model's outer select."""
    [listed] = re.findall(r"^select\n(.*?)\nfrom ", texts()[name], re.DOTALL | re.MULTILINE)
    return [each.strip().rpartition(" as ")[2].strip('"') for each in listed.split(",\n")]


def described() -> dict[str, dict[str, Any]]:
    """Model -> its properties, with its columns by name."""
    models: list[dict[str, Any]] = []
    for spec in CATALOGUE.objects.values():
        models += staging_properties(spec, attributes(spec))
        models.append(dimension_properties(spec, attributes(spec)))
        models.append(masked_properties(spec, attributes(spec), masked_view(spec)))
    return {
        model["name"]: model | {"columns": {each["name"]: each for each in model["columns"]}}
        for model in models
    }


@pytest.mark.parametrize("table", ["visit", "case"])
@pytest.mark.parametrize("kind", ["", "_change", "_base"])
def test_each_column_of_a_staging_model_is_described_and_no_other(table: str, kind: str) -> None:
    name = f"stg_{table}{kind}"
    found = described()[name]["columns"]
    assert sorted(found) == sorted(selected(name))
    assert all(each["description"] for each in found.values())


@pytest.mark.parametrize("table", ["visit", "case"])
def test_each_column_of_a_dimension_is_described_and_no_other(table: str) -> None:
    found = described()[f"dim_{table}"]["columns"]
    assert list(found) == selected(f"dim_{table}")


def test_each_column_of_a_masked_view_is_described_and_no_other() -> None:
    found = described()["masked_visit"]["columns"]
    assert list(found) == selected("masked_visit")


def test_only_an_object_with_history_has_versions_and_its_dimension_a_row_for_each() -> None:
    kinds = {"", "_arrival", "_base", "_change"}
    staging = {f"stg_visit{kind}" for kind in {*kinds, "_version"}} | {f"stg_case{kind}" for kind in kinds}
    for made in (texts(), described()):
        assert {name for name in made if name.startswith("stg_")} == staging
    for table, grain, source, key in (
        ("visit", "version", "stg_visit_version", "version_key('Visit__c', 'record_id', 'change_order')"),
        ("case", "record", "stg_case", "record_key('Case', 'record_id')"),
    ):
        text = texts()[f"dim_{table}"]
        assert f"ref('{source}')" in text
        assert key in text
        assert text.startswith("{{ config(materialized='incremental', unique_key='record_id') }}\n")
        properties = described()[f"dim_{table}"]
        assert properties["description"].endswith(f"a row a {grain}.")
        assert f"key of the {grain}:" in properties["columns"][f"{table}_key"]["description"]


def test_versions_have_their_span_and_the_present_state_has_none() -> None:
    found = described()
    span = {"change_order", "valid_from", "valid_to", "is_current"}
    assert found["stg_visit_version"]["columns"].keys() - found["stg_visit"]["columns"].keys() == span
    assert found["stg_visit"]["columns"].keys() - found["stg_visit_version"]["columns"].keys() == {
        "changed_at"
    }
    assert found["stg_visit_version"]["columns"].keys() >= FIELDS


def test_changes_and_bases_hold_all_fields_but_long_texts_and_pii() -> None:
    found = described()
    kept = FIELDS - LONG - PERSONAL
    assert found["stg_visit_base"]["columns"].keys() == kept | {
        "record_id",
        "change_order",
        "is_deleted",
        "changed_at",
    }
    flags = {f"has_{name}" for name in kept}
    assert {name for name in found["stg_visit_change"]["columns"] if name in FIELDS} == kept
    assert {name for name in found["stg_visit_change"]["columns"] if name.startswith("has_")} == flags


def test_a_dimension_has_all_fields_but_long_texts() -> None:
    assert FIELDS & set(selected("dim_visit")) == FIELDS - LONG


def test_an_object_without_pii_has_no_masked_view() -> None:
    fields = {"Status": CASE["fields"]["Status"]}  # type: ignore[index]
    made = model_project(Catalogue.model_validate({"objects": {"Case": {**CASE, "fields": fields}}})).files
    assert not [path for path in made if path.startswith("models/masked/masked_")]
    assert "models/masked/masked_case.sql" in model_project(CATALOGUE).files


def test_a_key_is_tested_for_one_row_and_values_where_a_rule_asks_for_them() -> None:
    columns = described()["dim_visit"]["columns"]
    tests = {name: each["data_tests"] for name, each in columns.items() if "data_tests" in each}
    values = {"accepted_values": {"arguments": {"values": ["Met", "Absent"]}, "config": {"severity": "warn"}}}
    assert tests == {
        "visit_key": ["unique", "not_null"],
        "record_id": ["not_null"],
        "effective_from": ["not_null"],
        "effective_to": ["not_null"],
        "is_current": ["not_null"],
        "outcome": [values],
    }
    assert "data_tests" not in described()["stg_visit"]["columns"]["outcome"]


def test_a_column_says_what_its_field_is() -> None:
    found = described()["stg_visit"]["columns"]
    assert {name: found[name]["description"] for name in ("owner_id", "parent", "count", "name")} == {
        "owner_id": "Owner id (Visit__c.OwnerId, reference). Id of a record of Group or User.",
        "parent": "Parent (Visit__c.Parent__c, reference). Id of a record of Visit__c.",
        "count": "Count (Visit__c.Count__c, int). Calculated in Salesforce; read by refreshes.",
        "name": "Name (Visit__c.Name, string). PII, personal: a token, not the value.",
    }


def test_a_field_that_a_mart_needs_and_the_catalogue_lacks_is_null_with_its_type() -> None:
    text = texts()["stg_case"]
    assert 'cast(null as timestamp with time zone) as "closed_date"' in text
    assert 'cast(null as double precision) as "sla_hours"' in text
    found = described()["stg_case"]["columns"]
    assert found["sla_hours"]["description"] == "Case.SlaHours__c: not in the catalogue, so it is null."
    assert {each.field for each in attributes_of(CATALOGUE.object("Case"), MART_FIELDS["Case"])} == {
        *MART_FIELDS["Case"],
        "Status",
        "Origin",
        "Queue__c",
        "Program__c",
    }
    assert '"has_sla_hours"' not in texts()["stg_case_change"]


def test_an_attribute_has_its_type_in_sql() -> None:
    found = {each.name: each for each in attributes_of(CATALOGUE.object("Visit__c"))}
    assert {name: found[name].sql_type for name in ("cost", "count", "name", "judge")} == {
        "cost": "numeric(18,4)",
        "count": "bigint",
        "name": "varchar",
        "judge": "varchar",
    }
    assert {name for name, each in found.items() if each.is_long} == LONG
    assert {name for name, each in found.items() if each.pii != "none"} == PERSONAL


@pytest.mark.parametrize(
    ("name", "label"), [("DueDate__c", "Due date"), ("OwnerId", "Owner id"), ("A_b__c", "A b"), ("__c", "")]
)
def test_a_label_has_the_words_of_a_name(name: str, label: str) -> None:
    assert label_of(name) == label


@pytest.mark.parametrize(
    ("warn", "error", "minutes"),
    [
        (timedelta(minutes=15), timedelta(hours=6), (15, 360)),
        (timedelta(seconds=119), timedelta(seconds=120), (1, 2)),
        (timedelta(0), timedelta(seconds=59), (1, 1)),
    ],
)
def test_freshness_is_asked_in_whole_minutes(
    warn: timedelta, error: timedelta, minutes: tuple[int, int]
) -> None:
    ops = sources(CATALOGUE, (warn, error))["sources"][2]["tables"][0]["config"]["freshness"]
    assert (ops["warn_after"], ops["error_after"]) == tuple(
        {"count": each, "period": "minute"} for each in minutes
    )


def test_the_sources_are_the_tables_of_the_warehouse() -> None:
    found = sources(CATALOGUE, FRESHNESS)["sources"]
    tables = {source["name"]: [table["name"] for table in source["tables"]] for source in found}
    assert tables == {
        "curated": ["visit_current", "visit_history", "case_current"],
        "audit": ["visit_change", "visit_base", "case_change", "case_base"],
        "ops": ["ledger", "erased", "token_key"],
    }


def test_properties_are_in_their_order_and_as_they_are_written() -> None:
    assert yaml_text({"b": "Größe", "a": [1]}) == "version: 2\nb: Größe\na:\n- 1\n"
