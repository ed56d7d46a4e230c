"""Dimensions that several objects share are made of the fields that no person stands behind."""

import re

import pytest

from schemas.catalogue import Catalogue
from tests.unit.model.test_generated_models import CATALOGUE
from transforms.model.shared_dimensions import shared_dimensions, shared_properties

NOTHING = Catalogue.model_validate({"objects": {}})


def seen(text: str) -> list[str]:
    """The selects of `seen`, without their macros."""
    inside = text.removeprefix("with seen as (\n").partition("\n)\n")[0].partition("{{ and_as_before")[0]
    return [each.strip() for each in re.split(r"\bunion\b", inside)]


@pytest.mark.parametrize(
    ("name", "selects"),
    [
        (
            "dim_user",
            [
                "select \"owner_id\" as record_id from {{ ref('stg_visit') }}",
                "select commit_user as record_id from {{ ref('stg_visit_change') }}",
                "select commit_user as record_id from {{ ref('stg_case_change') }}",
            ],
        ),
        ("dim_program", ["select distinct \"program\" as program from {{ ref('stg_visit') }}"]),
        ("dim_queue", ["select distinct \"queue\" as queue from {{ ref('stg_case') }}"]),
        (
            "dim_status",
            [
                "select 'Case' as object_name, \"status\" as status from {{ ref('stg_case_change') }}",
                "select 'Case' as object_name, \"status\" as status from {{ ref('stg_case_base') }}",
                "select object_name, status from {{ ref('status_meaning') }}",
            ],
        ),
    ],
)
def test_a_shared_dimension_is_made_of(name: str, selects: list[str]) -> None:
    assert seen(shared_dimensions(CATALOGUE)[name]) == selects


@pytest.mark.parametrize(
    ("name", "select"),
    [
        ("dim_user", "select cast(null as varchar) as record_id"),
        ("dim_program", "select cast(null as varchar) as program"),
        ("dim_queue", "select cast(null as varchar) as queue"),
        ("dim_status", "select object_name, status from {{ ref('status_meaning') }}"),
    ],
)
def test_without_an_object_it_has_no_row_of_its_own_and_is_still_a_select(name: str, select: str) -> None:
    assert seen(shared_dimensions(NOTHING)[name]) == [select]


def test_each_is_described_with_its_columns() -> None:
    described = {each["name"]: [column["name"] for column in each["columns"]] for each in shared_properties()}
    assert described == {
        "dim_user": ["user_key", "record_id", "kind"],
        "dim_program": ["program_key", "program"],
        "dim_queue": ["queue_key", "queue"],
        "dim_status": ["status_key", "object_name", "status", "stage", "is_open", "place"],
    }
    made = shared_dimensions(CATALOGUE)
    for name, columns in described.items():
        assert all(re.search(rf"\b{column}\b", made[name]) for column in columns)
