"""The data sensitivity of fields in Setup (Tooling API, "FieldDefinition")."""

from collections.abc import Mapping
from typing import Any

from clients.salesforce.http import OrgHttp
from clients.salesforce.soql_requests import SoqlCalls
from schemas.governor import LeaseClass
from schemas.salesforce.object_shape import DescribedShape, FieldDescription

_DEFINITIONS = (
    "SELECT QualifiedApiName, ComplianceGroup, SecurityClassification FROM FieldDefinition "
    "WHERE EntityDefinition.QualifiedApiName = '{}'"
)


async def with_definitions(org: OrgHttp, shape: DescribedShape) -> DescribedShape | None:
    """The object with what Setup says of its fields; None when Setup shows no field of it. One API
    call.

    Of a part of a compound Setup may say nothing by itself: what it says of the compound counts
    then. Raises `CallRefusedError`.
    """
    calls = SoqlCalls(org, LeaseClass.RECONCILIATION, with_deleted=False, of_tooling=True)
    found = [row async for row in calls.rows([_DEFINITIONS.format(shape.name)])]
    if not found:
        return None
    definitions = {str(row["QualifiedApiName"]): row for row in found}
    fields = tuple(
        _defined(field, definitions.get(field.name) or definitions.get(field.compound) or {})
        for field in shape.fields
    )
    return shape.model_copy(update={"fields": fields})


def _defined(field: FieldDescription, definition: Mapping[str, Any]) -> FieldDescription:
    groups = str(definition.get("ComplianceGroup") or "").split(";")
    return field.model_copy(
        update={
            "compliance": tuple(filter(None, (group.strip() for group in groups))),
            "classification": str(definition.get("SecurityClassification") or ""),
        }
    )
