"""EntityDefinition and FieldDefinition rows, made from the org's objects (Tooling API,
"EntityDefinition", "FieldDefinition").

How sensitive a field is comes from the catalogue's marks: what is personal is PII and
Confidential, what is sensitive Restricted.
"""

from collections.abc import Iterator

from sandbox.org.schema.exact import DIGITS
from sandbox.org.schema.fields import scale_of
from sandbox.org.schema.ids import eighteen
from sandbox.org.schema.objects import namespace_of
from sandbox.org.soql.entities import DECIMAL_KINDS, NUMBER_KINDS, Entities, Entity, Field
from schemas.catalogue import Pii

_COMPLIANCE = {Pii.PERSONAL: "PII", Pii.SENSITIVE: "PII;HIPAA"}
_CLASSIFICATION = {Pii.NONE: "Internal", Pii.PERSONAL: "Confidential", Pii.SENSITIVE: "Restricted"}
_TYPE_NAMES = {
    "id": "Record ID", "boolean": "Checkbox", "picklist": "Picklist", "multipicklist": "Picklist (Multi-Select)",
    "phone": "Phone", "url": "URL", "email": "Email", "date": "Date", "datetime": "Date/Time", "address": "Address",
    "location": "Geolocation", "time": "Time", "base64": "Base64", "anyType": "Any Type", "combobox": "Combo Box",
}  # fmt: skip


def entity_rows(entities: Entities) -> list[dict[str, object]]:
    return [_entity_row(entity) for entity in entities]


def field_rows(entities: Entities) -> list[dict[str, object]]:
    return [_field_row(entity, field) for entity in entities for field in entity.fields.values()]


def custom_field_rows(entities: Entities) -> list[dict[str, object]]:
    """One row a custom field; `TableEnumOrId` is its object (Tooling API, "CustomField")."""
    own = ((entity, field) for entity in entities for field in entity.fields.values() if field.is_custom)
    return [
        {
            "Id": eighteen(f"00NTg{number:010d}"),
            "DeveloperName": field.name.removesuffix("__c"),
            "TableEnumOrId": entity.name,
            "NamespacePrefix": namespace_of(field.name),
            "FullName": f"{entity.name}.{field.name}",
            "ManageableState": "unmanaged",
        }
        for number, (entity, field) in enumerate(own, 1)
    ]


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
    spec = field.spec
    namespace = namespace_of(field.name)
    bare = field.name.removesuffix("__c")
    developer_name = bare.removeprefix(f"{namespace}__") if namespace else bare
    key = f"{entity.name}.{bare}"
    return {
        "Id": key,
        "EntityDefinitionId": entity.name,
        "DurableId": key,
        "QualifiedApiName": field.name,
        "DeveloperName": developer_name,
        "NamespacePrefix": namespace,
        "Label": (spec and spec.label) or developer_name,
        "MasterLabel": (spec and spec.label) or developer_name,
        "DataType": _data_type(field),
        "RelationshipName": field.relationship,
        "Length": field.length,
        "Precision": _digits(field) if field.kind in NUMBER_KINDS else 0,
        "Scale": _scale(field),
        "IsNillable": not (field.never_null or bool(field.spec and field.spec.required)),
        "IsIndexed": field.kind in ("id", "reference")
        or field.name == "SystemModstamp"
        or bool(field.spec and (field.spec.external_id or field.spec.is_unique)),
        "IsCalculated": field.is_calculated,
        "IsNameField": field.name == entity.name_field,
        "IsCompound": field.is_compound,
        "IsApiFilterable": field.filterable,
        "IsApiGroupable": field.groupable,
        "IsApiSortable": field.sortable,
        "ComplianceGroup": spec.compliance if spec and spec.compliance is not None else _COMPLIANCE.get(pii),
        "SecurityClassification": (spec and spec.classification)
        or ("Public" if field.is_system else _CLASSIFICATION[pii]),
        "BusinessOwnerId": spec.business_owner if spec else None,
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
    return scale_of(field.spec) if field.kind in DECIMAL_KINDS else 0


def _digits(field: Field) -> int:
    return field.spec.precision if field.spec else DIGITS


def _data_type(field: Field) -> str:
    """As Setup shows it: `Text(255)`, `Lookup(Account)`, `Currency(16, 2)`."""
    match field.kind:
        case "reference":
            return f"Lookup({','.join(field.references)})"
        case "string":
            return f"Text({field.length})"
        case "encryptedstring":
            return f"Text (Encrypted)({field.length})"
        case "textarea":
            if field.spec is not None and field.spec.html:
                return f"Rich Text Area({field.length})"
            return f"{'Long Text Area' if field.is_long_text else 'Text Area'}({field.length})"
        case kind if kind in NUMBER_KINDS:
            word = kind.title() if kind in ("percent", "currency") else "Number"
            return f"{word}({_digits(field) - _scale(field)}, {_scale(field)})"
        case kind:
            return _TYPE_NAMES[kind]
