"""From the answer of a describe call to the facts that are kept of it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.salesforce.describe import DescribedField, DescribedObject


def described(answer: Mapping[str, Any], at: datetime) -> DescribedObject:
    """The facts of a REST describe answer; `at` is when it was asked for, in UTC."""
    fields = {str(each["name"]): _field(each) for each in answer["fields"]}
    return DescribedObject(object=str(answer["name"]), described_at=at, fields=fields)


def _field(entry: Mapping[str, Any]) -> DescribedField:
    values = None
    if entry.get("restrictedPicklist"):
        values = tuple(str(each["value"]) for each in entry.get("picklistValues") or () if each.get("active"))
    return DescribedField(
        createable=bool(entry.get("createable")),
        updateable=bool(entry.get("updateable")),
        length=int(entry.get("length") or 0),
        values=values,
    )
