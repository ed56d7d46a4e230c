"""One field as describe shows it: every key that Salesforce sends, whether or not it says something
here.

Clients read types, lengths, references and flags; the remaining keys are there because generated
clients fail on a missing one (REST API Developer Guide, "sObject Describe").
"""

from typing import Any

from sandbox.org.data.records import READ_ONLY
from sandbox.org.schema.exact import DIGITS
from sandbox.org.schema.fields import scale_of
from sandbox.org.schema.objects import OrgField
from sandbox.org.schema.setup import load_setup
from sandbox.org.soql.entities import DECIMAL_KINDS, TEXT_KINDS, Entity, Field
from schemas.catalogue import FieldType

_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "percent": "xsd:double", "currency": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime", "address": "urn:address",
    "location": "urn:location", "long": "xsd:long", "time": "xsd:time", "base64": "xsd:base64Binary", "anyType": "xsd:anyType",
}  # fmt: skip
_WHOLE_DIGITS = {"int": 9, "long": 18}
_BYTES_A_CHARACTER = 3
_ID_LOOKUPS = frozenset({"Id", "Name", "Email", "Username", "CaseNumber"})
_UNUSED: dict[str, Any] = {
    "aiPredictionField": False, "controllerName": None, "defaultValueFormula": None,
    "dependentPicklist": False, "deprecatedAndHidden": False, "displayLocationInDecimal": False, "encrypted": False,
    "filteredLookupInfo": None, "formulaTreatNullNumberAsZero": False, "highScaleNumber": False, "inlineHelpText": None,
    "mask": None, "maskType": None, "referenceTargetField": None, "relationshipOrder": None,
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
    spec = field.spec or _NO_SPEC
    setup = load_setup()
    set_up, chosen = setup.values(entity.name, field.name), _default(entity, field)
    has_text = field.kind in TEXT_KINDS or field.kind in ("id", "reference")
    return {
        "byteLength": field.length * _BYTES_A_CHARACTER if has_text else 0,
        "caseSensitive": spec.case_sensitive,
        "compoundFieldName": spec.part_of,
        "extraTypeInfo": _extra_type(entity, field),
        "htmlFormatted": spec.html,
        "label": spec.label or _label(field.name),
        "length": field.length if has_text else 0,
        "name": field.name,
        "picklistValues": [
            _value(each, chosen=each == chosen)
            for each in set_up or spec.picklist or setup.choices(entity.name, field.name)
        ],
        "queryByDistance": field.has_place,
        "restrictedPicklist": bool(set_up) or spec.restricted,
        "soapType": _SOAP_TYPES.get(field.kind, "xsd:string"),
        "type": field.kind,
    }


_NO_SPEC = OrgField(type=FieldType.STRING)


def _extra_type(entity: Entity, field: Field) -> str | None:
    """Attributes that distinguish rich from plain text areas, and a name that has parts from one
    that has none.
    """
    if field.spec is not None and field.spec.html:
        return "richtextarea"
    if field.is_long_text:
        return "plaintextarea"
    if field.compound == "name":
        return "personname"
    has_parts = any(each.spec and each.spec.part_of == field.name for each in entity.fields.values())
    return "switchable_personname" if has_parts and not field.is_compound else None


def _default(entity: Entity, field: Field) -> str | None:
    """The value that a new record gets; None for a field without a default."""
    return load_setup().defaults.get(entity.name, {}).get(field.name)


def _value(name: str, *, chosen: bool) -> dict[str, Any]:
    return {"active": True, "defaultValue": chosen, "label": name, "validFor": None, "value": name}


def _numbers(field: Field) -> dict[str, Any]:
    is_decimal = field.kind in DECIMAL_KINDS
    return {
        "digits": _WHOLE_DIGITS.get(field.kind, 0),
        "precision": (field.spec.precision if field.spec else DIGITS) if is_decimal else 0,
        "scale": scale_of(field.spec) if is_decimal else 0,
    }


def _rights(entity: Entity, field: Field) -> dict[str, Any]:
    """The operations allowed on it. Only Salesforce writes system fields, numbers of cases and
    compounds.
    """
    is_number = field.name == f"{entity.name}Number"
    is_own = field.is_system or field.name in READ_ONLY
    writable = not (field.read_only or is_own or field.is_compound or is_number or field.is_calculated)
    required = bool(field.spec and field.spec.required) and writable
    external = bool(field.spec and field.spec.external_id)
    unique = external or bool(field.spec and field.spec.is_unique)
    default = _default(entity, field)
    defaulted = field.kind == "boolean" or field.name == "OwnerId" or is_number or default is not None
    return {
        "aggregatable": field.filterable and field.kind != "boolean",
        "autoNumber": is_number,
        "calculated": field.is_calculated,
        "calculatedFormula": field.formula,
        "createable": writable,
        "custom": field.is_custom,
        "defaultValue": False if field.kind == "boolean" else default,
        "defaultedOnCreate": defaulted or field.is_system,
        "externalId": external,
        "filterable": field.filterable,
        "groupable": field.groupable,
        "idLookup": external or field.name in _ID_LOOKUPS,
        "nameField": field.name == entity.name_field,
        "nillable": not (required or defaulted or field.is_system),
        "permissionable": writable and not required,
        "sortable": field.sortable,
        "unique": unique,
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
    bare = name.removesuffix("__c").removesuffix("__s").rpartition("__")[2]
    words = "".join(f" {letter}" if letter.isupper() and at else letter for at, letter in enumerate(bare))
    return f"{words[:-3]} ID" if words.endswith(" Id") else words
