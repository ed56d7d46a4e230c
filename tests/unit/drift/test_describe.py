"""A describe answer, and the facts that are kept of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.salesforce.describe import DescribedField
from transforms.drift.describe import described

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def field(**facts: Any) -> DescribedField:
    found = described({"name": "Thing__c", "fields": [{"name": "A", **facts}]}, NOW)
    assert (found.object, found.described_at) == ("Thing__c", NOW)
    return found.fields["A"]


def test_a_field_of_which_nothing_is_said_can_be_neither_created_nor_updated() -> None:
    assert field() == DescribedField(createable=False, updateable=False, length=0, values=None)


def test_a_field_keeps_its_rights_and_its_length() -> None:
    assert field(createable=True, updateable=False, length=80) == DescribedField(
        createable=True, updateable=False, length=80
    )


@pytest.mark.parametrize("nothing", [0, None])
def test_a_type_without_a_length_has_none(nothing: int | None) -> None:
    assert field(length=nothing).length == 0


PICKED = [{"value": "a", "active": True}, {"value": "b", "active": False}, {"value": "c", "active": True}]


def test_only_the_active_values_of_a_restricted_picklist_are_known() -> None:
    assert field(restrictedPicklist=True, picklistValues=PICKED).values == ("a", "c")
    assert field(restrictedPicklist=False, picklistValues=PICKED).values is None


def test_a_restricted_picklist_without_values_takes_none() -> None:
    assert field(restrictedPicklist=True, picklistValues=None).values == ()
