"""EntityDefinition and FieldDefinition rows, made from the org's objects (Tooling API, "EntityDefinition", "FieldDefinition").

How sensitive a field is comes from the catalogue's marks: what is personal is PII and Confidential, what is sensitive Restricted.
"""

from collections.abc import Iterator

from sandbox.org.soql.entities import ADDRESS, Entities, Entity, Field
from schemas.catalogue import Pii

_COMPLIANCE = {Pii.PERSONAL: "PII", Pii.SENSITIVE: "PII;HIPAA"}
_CLASSIFICATION = {Pii.NONE: "Internal", Pii.PERSONAL: "Confidential", Pii.SENSITIVE: "Restricted"}
_TYPE_NAMES = {
    "id": "Record ID", "boolean": "Checkbox", "picklist": "Picklist", "multipicklist": "Picklist (Multi-Select)",
    "phone": "Phone", "url": "URL", "email": "Email", "date": "Date", "datetime": "Date/Time", "address": "Address",
}  # fmt: skip
_DIGITS = 18


def entity_rows(entities: Entities) -> list[dict[str, object]]:
    return [_entity_row(entity) for entity in entities]


def field_rows(entities: Entities) -> list[dict[str, object]]:
    return [_field_row(entity, field) for entity in entities for field in entity.fields.values()]


def _entity_row(entity: Entity) -> dict[str, object]:
    flags = ("IsCustomizable", "IsQueryable", "IsSearchable", "IsTriggerable", "IsApexTriggerable")
    more = ("IsIdEnabled", "IsReplicateable", "IsRetrieveable", "IsWorkflowEnabled", "IsCompactLayoutable")
    return {
        "Id": entity.name,
        "DurableId": entity.name,
        "QualifiedApiName": entity.name,
        "DeveloperName": entity.name.removesuffix("__c"),
        "Label": entity.label,
        "MasterLabel": entity.label,
        "PluralLabel": entity.label,
        "KeyPrefix": entity.key_prefix,
        "PublisherId": "<local>" if entity.is_custom else "System",
        "InternalSharingModel": "ReadWrite",
        "ExternalSharingModel": "Private",
        "DeploymentStatus": "Deployed" if entity.is_custom else None,
        "IsCustomSetting": False,
        **dict.fromkeys((*flags, *more), True),
    }


def _field_row(entity: Entity, field: Field) -> dict[str, object]:
    pii = field.spec.pii if field.spec else _compound_pii(entity, field)
    is_number = field.kind in ("int", "double", "percent", "currency")
    key = f"{entity.name}.{field.name.removesuffix('__c')}"
    return {
        "Id": key,
        "EntityDefinitionId": entity.name,
        "DurableId": key,
        "QualifiedApiName": field.name,
        "DeveloperName": field.name.removesuffix("__c"),
        "Label": field.name.removesuffix("__c"),
        "MasterLabel": field.name.removesuffix("__c"),
        "DataType": _data_type(field),
        "RelationshipName": field.relationship,
        "Length": field.length,
        "Precision": _DIGITS if is_number else 0,
        "Scale": _scale(field),
        "IsNillable": not (field.never_null or bool(field.spec and field.spec.required)),
        "IsIndexed": field.kind in ("id", "reference")
        or field.name == "SystemModstamp"
        or bool(field.spec and field.spec.external_id),
        "IsCalculated": False,
        "IsNameField": field.name == entity.name_field,
        "IsCompound": field.kind == ADDRESS or field.is_compound,
        "IsApiFilterable": field.filterable,
        "IsApiGroupable": field.groupable,
        "IsApiSortable": field.sortable,
        "ComplianceGroup": _COMPLIANCE.get(pii),
        "SecurityClassification": "Public" if field.is_system else _CLASSIFICATION[pii],
        "BusinessStatus": "Active",
    }


def _compound_pii(entity: Entity, field: Field) -> Pii:
    """A compound is as sensitive as the most sensitive of its parts."""
    marks = set(_part_marks(entity, field))
    return next((mark for mark in (Pii.SENSITIVE, Pii.PERSONAL) if mark in marks), Pii.NONE)


def _part_marks(entity: Entity, field: Field) -> Iterator[Pii]:
    for column in field.parts.values():
        part = entity.fields.get(column)
        if part is not None and part.spec is not None:
            yield part.spec.pii


def _scale(field: Field) -> int:
    if field.kind not in ("double", "percent", "currency"):
        return 0
    return field.spec.decimals or 0 if field.spec else 0


def _data_type(field: Field) -> str:
    """As Setup shows it: `Text(255)`, `Lookup(Account)`, `Currency(16, 2)`."""
    if field.kind == "reference":
        return f"Lookup({','.join(field.references)})"
    if field.kind == "string":
        return f"Text({field.length})"
    if field.kind == "textarea":
        return f"{'Long Text Area' if field.is_long_text else 'Text Area'}({field.length})"
    if field.kind in ("int", "double", "percent", "currency"):
        word = {"int": "Number", "double": "Number"}.get(field.kind, field.kind.title())
        return f"{word}({_DIGITS - _scale(field)}, {_scale(field)})"
    return _TYPE_NAMES[field.kind]
