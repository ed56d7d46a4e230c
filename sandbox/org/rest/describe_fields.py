"""One field as describe shows it: every key that Salesforce sends, whether or not it says something here.

Clients read types, lengths, references and flags; the remaining keys are there because generated clients fail on a missing one
(REST API Developer Guide, "sObject Describe"; salesforce.md B.2).
"""

from typing import Any

from sandbox.org.setup import load_setup
from sandbox.org.soql.entities import NUMBER_KINDS, TEXT_KINDS, Entity, Field

_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "percent": "xsd:double", "currency": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime", "address": "urn:address",
}  # fmt: skip
_BYTES_A_CHARACTER = 3
_ID_LOOKUPS = frozenset({"Id", "Name", "Email", "Username", "CaseNumber"})
_UNUSED: dict[str, Any] = {
    "aiPredictionField": False, "controllerName": None, "defaultValueFormula": None,
    "dependentPicklist": False, "deprecatedAndHidden": False, "displayLocationInDecimal": False, "encrypted": False,
    "filteredLookupInfo": None, "formulaTreatNullNumberAsZero": False, "highScaleNumber": False, "inlineHelpText": None,
    "mask": None, "maskType": None, "queryByDistance": False, "referenceTargetField": None, "relationshipOrder": None,
    "restrictedDelete": False, "searchPrefilterable": False, "writeRequiresMasterRead": False,
}  # fmt: skip


def describe_field(entity: Entity, field: Field) -> dict[str, Any]:
    """The describe entry of one field, keys in alphabetical order as Salesforce sends them."""
    described = (
        _UNUSED
        | _texts(entity, field)
        | _numbers(field)
        | _rights(entity, field)
        | _references(entity, field)
    )
    return dict(sorted(described.items()))


def _texts(entity: Entity, field: Field) -> dict[str, Any]:
    values = load_setup().values(entity.name, field.name)
    has_text = field.kind in TEXT_KINDS or field.kind in ("id", "reference")
    return {
        "byteLength": field.length * _BYTES_A_CHARACTER if has_text else 0,
        "caseSensitive": False,
        "compoundFieldName": field.spec.part_of if field.spec else None,
        "extraTypeInfo": "plaintextarea" if field.is_long_text else None,
        "htmlFormatted": False,
        "label": _label(field.name),
        "length": field.length if has_text else 0,
        "name": field.name,
        "picklistValues": [_value(each) for each in values],
        "restrictedPicklist": bool(values),
        "soapType": _SOAP_TYPES.get(field.kind, "xsd:string"),
        "type": field.kind,
    }


def _value(name: str) -> dict[str, Any]:
    return {"active": True, "defaultValue": False, "label": name, "validFor": None, "value": name}


def _numbers(field: Field) -> dict[str, Any]:
    decimal = field.kind in NUMBER_KINDS and field.kind != "int"
    scale = (field.spec.decimals or 0 if field.spec else 0) if field.kind == "currency" else 2
    return {
        "digits": 9 if field.kind == "int" else 0,
        "precision": 18 if decimal else 0,
        "scale": scale if decimal else 0,
    }


def _rights(entity: Entity, field: Field) -> dict[str, Any]:
    """What may be done with it. Only Salesforce writes system fields, numbers of cases and compounds."""
    is_number = field.name == f"{entity.name}Number"
    writable = not (field.is_system or field.is_compound or is_number or field.is_calculated)
    required = bool(field.spec and field.spec.required) and writable
    external = bool(field.spec and field.spec.external_id)
    defaulted = field.kind == "boolean" or field.name == "OwnerId" or is_number
    return {
        "aggregatable": field.filterable and field.kind != "boolean",
        "autoNumber": is_number,
        "calculated": field.is_calculated,
        "calculatedFormula": field.formula,
        "createable": writable,
        "custom": field.is_custom,
        "defaultValue": False if field.kind == "boolean" else None,
        "defaultedOnCreate": defaulted or field.is_system,
        "externalId": external,
        "filterable": field.filterable,
        "groupable": field.groupable,
        "idLookup": external or field.name in _ID_LOOKUPS,
        "nameField": field.name == entity.name_field,
        "nillable": not (required or defaulted or field.is_system),
        "permissionable": writable and not required,
        "sortable": field.sortable,
        "unique": external,
        "updateable": writable,
    }


def _references(entity: Entity, field: Field) -> dict[str, Any]:
    polymorphic = len(field.references) > 1
    return {
        "cascadeDelete": load_setup().references.get(entity.name, {}).get(field.name) == "cascade",
        "namePointing": polymorphic,
        "polymorphicForeignKey": polymorphic,
        "referenceTo": list(field.references),
        "relationshipName": field.relationship,
    }


def _label(name: str) -> str:
    """`SlaHours__c` -> `Sla Hours`, `AccountId` -> `Account ID`."""
    bare = name.removesuffix("__c")
    words = "".join(f" {letter}" if letter.isupper() and at else letter for at, letter in enumerate(bare))
    return f"{words[:-3]} ID" if words.endswith(" Id") else words
