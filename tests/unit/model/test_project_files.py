"""The dbt project of a catalogue: what is generated of any object, and what is left out."""

import re
from typing import Any

import yaml

from schemas.catalogue import Catalogue, default_catalogue
from transforms.model import ModelProject, model_project

NEW: dict[str, Any] = {
    "objects": {
        "Visit__c": {
            "label": "Home visits",
            "key_prefix": "a0v",
            "history": True,
            "fields": {
                "Name": {"type": "string", "pii": "personal"},
                "Diagnosis__c": {"type": "string", "pii": "sensitive"},
                "Outcome__c": {"type": "picklist", "values": ["Met", "Absent"], "column": "visit_outcome"},
                "Report__c": {"type": "textarea", "length": 4000},
            },
        }
    }
}


def project(content: dict[str, Any] = NEW) -> ModelProject:
    return model_project(Catalogue.model_validate(content))


def columns(text: str, model: str) -> dict[str, dict]:
    [found] = [each for each in yaml.safe_load(text)["models"] if each["name"] == model]
    return {each["name"]: each for each in found["columns"]}


def test_an_object_of_any_name_has_staging_dimension_and_masked_view() -> None:
    files = project().files
    for path in (
        "models/staging/stg_visit.sql",
        "models/staging/stg_visit_version.sql",
        "models/staging/stg_visit_change.sql",
        "models/staging/stg_visit_arrival.sql",
        "models/dimensions/dim_visit.sql",
        "models/masked/masked_visit.sql",
    ):
        assert path in files


def test_marts_whose_objects_the_catalogue_lacks_are_left_out_with_the_reason() -> None:
    made = project()
    assert "models/facts/fact_case.sql" not in made.files
    lacks = {each.path: each.lacks for each in made.left_out}
    assert lacks["models/facts/fact_case.sql"] == ("Case", "Account", "Contact")


def test_nothing_that_is_kept_refers_to_a_model_that_is_left_out() -> None:
    nothing: dict[str, Any] = {"objects": {}}
    for content in (NEW, nothing):
        files = project(content).files
        there = {path.rsplit("/", 1)[1].removesuffix(".sql") for path in files if path.endswith(".sql")}
        there |= {path.rsplit("/", 1)[1].removesuffix(".csv") for path in files if path.endswith(".csv")}
        for path, text in files.items():
            named = set(re.findall(r"ref\('(\w+)'\)", text)) if not path.startswith("macros/") else set()
            assert named <= there, path


def test_a_column_of_another_name_has_its_usual_one_in_the_model() -> None:
    assert '"visit_outcome" as "outcome"' in project().files["models/staging/stg_visit.sql"]


def test_a_long_text_is_in_staging_and_in_no_dimension() -> None:
    files = project().files
    assert '"report"' in files["models/staging/stg_visit.sql"]
    assert '"report"' not in files["models/dimensions/dim_visit.sql"]


def test_a_masked_view_gives_no_token() -> None:
    text = project().files["models/masked/masked_visit.sql"]
    assert """'p-' || left(md5("name"), 16) end as "name\"""" in text
    assert 'cast(null as varchar) as "diagnosis"' in text


def test_the_change_log_of_the_model_has_no_pii() -> None:
    text = project().files["models/staging/stg_visit_change.sql"]
    assert '"name"' not in text
    assert '"diagnosis"' not in text


def test_every_column_has_a_comment_that_names_its_field() -> None:
    files = project().files
    found = columns(files["models/dimensions/_visit.yml"], "dim_visit")
    assert found["outcome"]["description"] == "Outcome (Visit__c.Outcome__c, picklist). One of Met, Absent."
    assert "PII, sensitive" in found["diagnosis"]["description"]
    assert all(each["description"] for each in found.values())


def test_every_hand_written_model_has_a_comment_for_each_of_its_columns() -> None:
    files = model_project(default_catalogue()).files
    for path, text in files.items():
        if path.startswith(("models/facts/", "models/metrics/")) and path.endswith(".sql"):
            [described] = yaml.safe_load(files[path.replace(".sql", ".yml")])["models"]
            assert described["description"], path
            final = text.rsplit("\nselect\n", 1)[1]
            for each in described["columns"]:
                assert re.search(rf"\b{each['name']}\b", final), (path, each["name"])
