"""Person accounts: accounts that are persons, beside accounts that are businesses (Object
Reference, "Account"; Salesforce Help, "Person Accounts").

A person's Name is made of its parts and cannot be written; a business's is a text and has no
parts. Every person account has a contact of its own, which follows it in every write. An event
of a person carries Name as an object of its parts, one of a business as a text.
"""

from collections.abc import Mapping

from sandbox.org.errors import SalesforceError
from sandbox.org.schema.fields import Value
from sandbox.org.schema.objects import OrgField, OrgObject
from schemas.catalogue import FieldType, ObjectSpec, Pii

ACCOUNT, CONTACT = "Account", "Contact"
IS_PERSON, CONTACT_ID = "IsPersonAccount", "PersonContactId"
WRITTEN_BY_THE_ORG = frozenset({IS_PERSON, CONTACT_ID})
FULL_NAME = ("FirstName", "MiddleName", "LastName", "Suffix")
"""The parts of a full name in their order; the salutation is none of it (Object Reference, "Name"
of Contact).
"""
_PREFIX = "Person"
_TEXT, _PART = FieldType.STRING, "Name"


def _text(length: int, pii: Pii = Pii.PERSONAL) -> OrgField:
    return OrgField(type=_TEXT, length=length, pii=pii)


PERSON_FIELDS: Mapping[str, OrgField] = {
    IS_PERSON: OrgField(type=FieldType.BOOLEAN),
    CONTACT_ID: OrgField(type=FieldType.REFERENCE, references=(CONTACT,)),
    "Salutation": OrgField(type=FieldType.PICKLIST, part_of=_PART),
    "FirstName": OrgField(type=_TEXT, length=40, part_of=_PART, pii=Pii.PERSONAL),
    "MiddleName": OrgField(type=_TEXT, length=40, part_of=_PART, pii=Pii.PERSONAL),
    "LastName": OrgField(type=_TEXT, length=80, part_of=_PART, pii=Pii.PERSONAL),
    "Suffix": OrgField(type=_TEXT, length=40, part_of=_PART),
    "PersonEmail": OrgField(type=FieldType.EMAIL, length=80, pii=Pii.PERSONAL),
    "PersonMobilePhone": OrgField(type=FieldType.PHONE, length=40, pii=Pii.PERSONAL),
    "PersonBirthdate": OrgField(type=FieldType.DATE, pii=Pii.SENSITIVE),
    "PersonTitle": _text(80, Pii.NONE),
    "PersonHasOptedOutOfEmail": OrgField(type=FieldType.BOOLEAN),
}
"""Further fields of Account once an org has person accounts (Object Reference, "Account", "Person
Account Fields").
"""
_PARTS = frozenset(name for name, field in PERSON_FIELDS.items() if field.part_of is not None)


def has_persons(spec: ObjectSpec) -> bool:
    """True for Account in an org with person accounts."""
    return spec.name == ACCOUNT and IS_PERSON in spec.fields and "LastName" in spec.fields


def with_persons(spec: OrgObject) -> dict[str, OrgField]:
    """Account's fields once the org has person accounts."""
    return {
        **spec.fields,
        **{name: field for name, field in PERSON_FIELDS.items() if name not in spec.fields},
    }


def is_person(fields: Mapping[str, object]) -> bool:
    """Whether what is to be made is a person: it has a last name. Salesforce asks the record type
    instead; the sandbox has none.
    """
    return bool(fields.get("LastName"))


def refuse_wrong_name(fields: Mapping[str, object], *, person: bool) -> None:
    """Raises for a Name of a person, and for what only persons have of a business."""
    if person:
        wrong = [name for name in fields if name == "Name"]
    else:
        wrong = [
            name for name, value in fields.items() if _is_of_persons(name) and value not in (None, "", False)
        ]
    if wrong:
        whose = "a person account" if person else "a business account"
        raise SalesforceError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(wrong)}. They cannot be written on {whose}.",
            fields=wrong,
        )


def _is_of_persons(name: str) -> bool:
    return name in _PARTS or (name.startswith(_PREFIX) and not name.endswith("__c"))


def full_name(parts: Mapping[str, Value]) -> str | None:
    """`Ada M Lindqvist Jr`; None without any part."""
    return " ".join(str(parts[name]) for name in FULL_NAME if parts.get(name) is not None) or None


def contact_values(values: Mapping[str, Value], contact: ObjectSpec) -> dict[str, Value]:
    """Values of an account that its person's contact gets: the name, and `PersonEmail` as
    `Email`.
    """
    found: dict[str, Value] = {}
    for name, value in values.items():
        own = name if name in _PARTS else name.removeprefix(_PREFIX) if _is_of_persons(name) else ""
        if own in contact.fields and name not in WRITTEN_BY_THE_ORG:
            found[own] = value
    return found
