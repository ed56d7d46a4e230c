"""The cost of a difference between catalogue file and org, and the command's words for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from cli.catalogue import check_page
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.catalogue_check import CatalogueCheck, CatalogueDifference, Costs
from schemas.drift import DriftKind
from schemas.salesforce.object_shape import DescribedShape, FieldDescription
from transforms.drift.check_catalogue import _COSTS, differences_of, sorted_differences

ENTRIES: dict[str, dict[str, Any]] = {
    "Name": {"type": "string", "length": 80},
    "BillingCity": {"type": "string", "length": 40, "part_of": "BillingAddress", "part": "City"},
    "Paid__c": {"type": "currency"},
}
DESCRIBED: dict[str, dict[str, Any]] = {
    "Id": {"type": "id", "length": 18},
    "Name": {"type": "string", "length": 80},
    "BillingAddress": {"type": "address"},
    "BillingCity": {"type": "string", "length": 40, "compound": "BillingAddress"},
    "Paid__c": {"type": "currency", "precision": 18, "scale": 2},
}


def spec(**entries: dict[str, Any]) -> ObjectSpec:
    fields = {name: ENTRIES[name] | entries.get(name, {}) for name in ENTRIES}
    entry = {"label": "Accounts", "key_prefix": "001", "fields": fields}
    return Catalogue.model_validate({"objects": {"Account": entry}}).object("Account")


def shape(
    fields: Mapping[str, dict[str, Any]] | None = None, *, key_prefix: str = "001", queryable: bool = True
) -> DescribedShape:
    facts = {**DESCRIBED, **{name: DESCRIBED.get(name, {}) | given for name, given in (fields or {}).items()}}
    return DescribedShape(
        name="Account",
        label="Accounts",
        key_prefix=key_prefix,
        queryable=queryable,
        fields=tuple(FieldDescription(name=name, **each) for name, each in facts.items()),
    )


def found(entry: ObjectSpec, described: DescribedShape) -> list[tuple[str, str, Costs]]:
    return [(each.field, each.what, each.costs) for each in differences_of(entry, described)]


def test_a_catalogue_that_is_as_the_org_has_no_difference() -> None:
    assert found(spec(), shape()) == []


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"Name": {"length": 255}}, ("Name", "widened", Costs.ISOLATED)),
        ({"Name": {"type": "double", "length": 0}}, ("Name", "retyped", Costs.ISOLATED)),
        ({"Grade__c": {"type": "string", "length": 20}}, ("Grade__c", "added", Costs.MISSED)),
        ({"Days__c": {"type": "double", "calculated": True}}, ("Days__c", "added", Costs.NOTHING)),
        ({"Facts__c": {"type": "json"}}, ("Facts__c", "unknown", Costs.MISSED)),
        ({"Body": {"type": "base64"}}, ("Body", "unknown", Costs.NOTHING)),
        ({"Name": {"required": True, "nullable": False}}, ("Name", "required", Costs.NOTHING)),
        ({"Paid__c": {"scale": 4}}, ("Paid__c", "scale", Costs.NOTHING)),
        ({"Paid__c": {"scale": 0}}, ("Paid__c", "digits", Costs.ISOLATED)),
    ],
)
def test_a_difference_says_what_becomes_of_values(
    change: dict[str, Any], wanted: tuple[str, str, Costs]
) -> None:
    assert found(spec(), shape(change)) == [wanted]


def test_a_new_field_has_to_be_added_to_the_file_whatever_the_engine_would_do_by_itself() -> None:
    (told,) = differences_of(spec(), shape({"Grade__c": {"type": "string", "length": 20}}))
    assert told.advice.startswith("Add the field to the catalogue")


def test_a_part_of_a_compound_of_which_the_catalogue_does_not_know_is_isolated() -> None:
    lonely = spec(BillingCity={"part_of": None, "part": None})
    assert found(lonely, shape()) == [("BillingCity", "part", Costs.ISOLATED)]
    (told,) = differences_of(lonely, shape())
    assert "part_of: BillingAddress, part: City" in told.advice


def test_accounts_that_may_be_persons_need_the_parts_of_their_names() -> None:
    persons: dict[str, Any] = {
        "IsPersonAccount": {"type": "boolean"},
        "LastName": {"type": "string", "length": 80, "compound": "Name"},
    }
    assert found(spec(), shape(persons)) == [
        ("Name", "persons", Costs.ISOLATED),
        ("IsPersonAccount", "added", Costs.MISSED),
        ("LastName", "added", Costs.MISSED),
    ]


def test_another_key_prefix_breaks_the_rule_of_references() -> None:
    assert found(spec(), shape(key_prefix="0aa")) == [("", "key_prefix", Costs.ISOLATED)]


def test_an_object_that_nobody_can_query_is_missed() -> None:
    assert found(spec(), shape(queryable=False)) == [("", "object_not_queryable", Costs.MISSED)]


@pytest.mark.parametrize("kind", sorted(set(DriftKind) - {DriftKind.SETTLED}))
def test_every_kind_of_drift_has_its_cost(kind: DriftKind) -> None:
    assert kind in _COSTS


def test_the_page_says_the_worst_first_and_what_to_do() -> None:
    some = [
        CatalogueDifference(object="Case", field="A", what="required", costs=Costs.NOTHING, advice="look"),
        CatalogueDifference(
            object="Case", field="B", what="added", costs=Costs.MISSED, now="string(20)", advice="add"
        ),
    ]
    check = CatalogueCheck(
        at=datetime.now(UTC),
        org="o",
        file="f.yaml",
        objects=1,
        calls=2,
        paid_by="lease",
        differences=sorted_differences(some),
    )
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(check_page(check))
    page = capture.get()
    assert page.startswith("the catalogue does NOT fit the org: 1 missed, 1 nothing (f.yaml; 1 objects")
    assert page.index("Case.B: string(20)") < page.index("do: add") < page.index("Case.A")
    assert not check.is_well
