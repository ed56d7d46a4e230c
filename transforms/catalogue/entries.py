"""The entry of each field in a generated catalogue, and the decisions that it leaves to a person.
No I/O.

How sensitive a field is: what Setup says of it counts most (Tooling API, "FieldDefinition",
`ComplianceGroup` and `SecurityClassification`), then its type, then its name. A long text of
which nobody has said anything is encrypted until somebody does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.catalogue import TEXTS, FieldSpec, FieldType, Pii
from schemas.salesforce.object_shape import FieldDescription
from transforms.catalogue.described_entries import described_entry, described_fields

_USUAL_LENGTH = 255
_USUAL_SCALE = 2
"""Of a currency."""
_HEALTH_OR_PAYMENT = frozenset({"HIPAA", "PCI"})
_SENSITIVE_CLASSES = frozenset({"Restricted", "MissionCritical"})
_PERSONAL_CLASS, _PUBLIC_CLASS = "Confidential", "Public"
_PERSONAL_PARTS = frozenset({"FirstName", "MiddleName", "LastName"})
_PLACES = ("Street", "PostalCode", "Latitude", "Longitude")
_PICKED = frozenset({FieldType.PICKLIST, FieldType.MULTIPICKLIST, FieldType.COMBOBOX})
_BIRTH_AND_NUMBERS = re.compile(
    r"birth|(^|_)dob(_|$)|(^|_)ssn(_|$)|social_?security|national_?(id|insurance)|passport|tax_?(id|number)|"
    r"driver_?s?_?licen[cs]e|(^|_)iban(_|$)|bank_?account|card_?number",
    re.IGNORECASE,
)
_NAMES_OF_PEOPLE = re.compile(
    r"(first|last|middle|maiden|full|nick|supplied|contact|person|citizen)_?name|surname", re.IGNORECASE
)
FREE_TEXT = "free text: decide pii; encrypted until then"


class CatalogueEntry(NamedTuple):
    """One field of a generated catalogue."""

    values: Mapping[str, Any]
    """The entry, its values in the order in which they are written."""
    comment: str
    """Notes for a person; empty = nothing."""


def catalogue_entries(described: Iterable[FieldDescription]) -> dict[str, CatalogueEntry]:
    """The entries of an object's fields, in describe's order."""
    every = list(described)
    fields = described_fields(every)
    texts_with_parts = {field.compound for field in every if field.compound}
    found: dict[str, CatalogueEntry] = {}
    parts: set[tuple[str, str]] = set()
    for name, field in fields.items():
        entry = _entry(field, is_name_of_people=name in texts_with_parts)
        part = (str(entry.values.get("part_of", "")), str(entry.values.get("part", name)))
        if part in parts:
            told = f"{part[0]} has another field as its part {part[1]}"
            entry = CatalogueEntry({"type": entry.values["type"], "ignore": True}, told)
        parts.add(part)
        found[name] = entry
    return found


def _entry(field: FieldDescription, *, is_name_of_people: bool) -> CatalogueEntry:
    if field.type == FieldType.BASE64:
        return CatalogueEntry(
            {"type": "base64"}, "the bytes of a file: in no change event, and in no query job"
        )
    pii, comment = (Pii.NONE, "") if field.calculated else pii_of(field, is_name_of_people=is_name_of_people)
    spec = described_entry(field, pii, added=False)
    if spec is None:
        return CatalogueEntry({"ignore": True}, f"{field.type}: no column can hold it")
    values = dict(_values(field, spec))
    if not field.calculated:
        return CatalogueEntry(values, comment)
    told = "the org works it out: take `ignore` away, decide pii, and it is read on a schedule"
    return CatalogueEntry({**values, "calculated": True, "ignore": True}, told)


def pii_of(field: FieldDescription, *, is_name_of_people: bool = False) -> tuple[Pii, str]:
    """How a field is treated, and a comment where a person should look.

    Args:
        field: With what Setup says of it.
        is_name_of_people: True for a text whose parts are the names of people, as Account.Name
            with person accounts.
    """
    told = _told(field)
    if told is not None:
        return told, ""
    if field.type == FieldType.ENCRYPTEDSTRING:
        return Pii.SENSITIVE, ""
    bare = re.sub(r"__[cs]$", "", field.name)
    if _BIRTH_AND_NUMBERS.search(bare) and field.type != FieldType.BOOLEAN:
        return Pii.SENSITIVE, "sensitive by its name"
    if field.type in (FieldType.EMAIL, FieldType.PHONE):
        return Pii.PERSONAL, ""
    is_name = field.compound == "Name" and field.name in _PERSONAL_PARTS
    is_place = field.compound not in ("", "Name") and bare.endswith(_PLACES)
    if is_name or is_place or is_name_of_people:
        return Pii.PERSONAL, ""
    if field.type in TEXTS and not field.references and _NAMES_OF_PEOPLE.search(bare):
        return Pii.PERSONAL, "personal by its name"
    if field.type == FieldType.TEXTAREA and field.length > _USUAL_LENGTH:
        return Pii.PERSONAL, FREE_TEXT
    return Pii.NONE, ""


def _told(field: FieldDescription) -> Pii | None:
    """The sensitivity in Setup; None = nothing that settles it. `Internal` says who may see a
    field, not that it is about nobody.
    """
    if field.classification in _SENSITIVE_CLASSES or _HEALTH_OR_PAYMENT.intersection(field.compliance):
        return Pii.SENSITIVE
    if field.compliance or field.classification == _PERSONAL_CLASS:
        return Pii.PERSONAL
    return Pii.NONE if field.classification == _PUBLIC_CLASS else None


def _values(field: FieldDescription, spec: FieldSpec) -> Iterator[tuple[str, Any]]:
    """Differences from a catalogue entry's defaults. A textarea's length is always said."""
    yield "type", spec.type.value
    if spec.type in TEXTS and (spec.length != _USUAL_LENGTH or spec.type is FieldType.TEXTAREA):
        yield "length", spec.length
    is_usual = spec.type is FieldType.CURRENCY and spec.scale == _USUAL_SCALE
    if spec.scale is not None and not is_usual:
        yield "scale", spec.scale
    if _is_required(field):
        yield "required", True
    if spec.references:
        yield "references", list(spec.references)
    if spec.external_id:
        yield "external_id", True
    if field.unique and not field.calculated and spec.pii is not Pii.SENSITIVE:
        yield "unique", True
    if field.values and spec.type in _PICKED and not spec.is_protected and not field.calculated:
        yield "values", list(field.values)
    if spec.part_of:
        yield "part_of", spec.part_of
    if spec.part:
        yield "part", spec.part
    if spec.is_protected:
        yield "pii", spec.pii.value


def _is_required(field: FieldDescription) -> bool:
    """Every record has a value that somebody gave. For a user who may only read, no field is
    described as one that can be created.
    """
    if field.calculated:
        return False
    return field.required or not (field.nullable or field.defaulted or field.type == FieldType.BOOLEAN)
