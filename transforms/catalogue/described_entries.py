"""From a field as the org describes it to a catalogue entry. No I/O.

Types in describe's words (SOAP API Developer Guide, "Field Types"; REST API Developer Guide,
"sObject Describe"): each is kept, is a compound whose parts are fields of their own, or is one
that no change event and no query job carries as a value.
"""

import re
from collections.abc import Container, Iterable

from schemas.catalogue import DIGITS_MAX, FRACTIONS, TEXTS, FieldSpec, FieldType, Pii
from schemas.salesforce.object_shape import FieldDescription

COMPOUNDS = frozenset({"address", "location"})
"""Their parts are fields."""
NOT_KEPT = frozenset(
    {
        "base64",
        "byte",
        "calculated",
        "complexvalue",
        "datacategorygroupreference",
        "json",
        "masterrecord",
    }
)
"""Known types without a value that a column could hold. A type that is in no list is left out like
them.
"""
MOST_LENGTH = 131_072
"""Characters of the longest text (`FieldSpec.length`)."""
_SYSTEM = frozenset({"Id", "IsDeleted", "SystemModstamp"})
"""Every row has them by other names."""
_OF_THE_READER = frozenset({"LastViewedDate", "LastReferencedDate"})
"""Say when who asks has seen the record, and so are nothing of the record."""


def described_fields(
    described: Iterable[FieldDescription], known: Container[str] = ()
) -> dict[str, FieldDescription]:
    """Names of fields that may have a column: without Tidegate's own, the reader's, and compounds,
    whose parts are fields.

    `known`: names that the catalogue has; a name that the org puts together, as Contact.Name, is
    a field where it says so.
    """
    fields = list(described)
    compounds = {field.compound for field in fields if field.compound}
    return {
        field.name: field
        for field in fields
        if field.name not in _SYSTEM | _OF_THE_READER
        and field.type not in COMPOUNDS
        and (field.name in known or field.name not in compounds or _is_a_value(field))
    }


def _is_a_value(compound: FieldDescription) -> bool:
    """True for a compound that is also a text, as the Name of accounts of which some are
    persons.
    """
    return not compound.composed and kind_of(compound) is not None


def described_entry(field: FieldDescription, pii: Pii, *, added: bool = True) -> FieldSpec | None:
    """The catalogue entry of a field that the catalogue lacks; None for a type that is not kept.

    Args:
        field: Of describe.
        pii: How it is treated.
        added: True: the engine adds it while it runs; False: it is written into the file.
    """
    kind = kind_of(field)
    if kind is None:
        return None
    return FieldSpec(
        type=kind,
        length=text_length(field) if kind in TEXTS else 255,
        scale=scale_of(kind, field),
        references=field.references if kind is FieldType.REFERENCE else (),
        external_id=field.external_id,
        pii=pii,
        part_of=field.compound or None,
        part=part_name(field),
        calculated=field.calculated,
        added=added,
    )


def part_name(field: FieldDescription) -> str | None:
    """The field's name inside its compound in change events; None = its own name, or no compound.

    `BillingCity` is `City` of `BillingAddress`; `Home__City__s` is `City` of `Home__c`;
    `FirstName` is `FirstName` of `Name` (Change Data Capture Developer Guide, "Change Event
    Body"; Object Reference, "Compound Fields").
    """
    compound, name = field.compound, field.name
    if custom := re.fullmatch(r"(\w+)__c", compound):
        inner = re.fullmatch(rf"{re.escape(custom[1])}__(\w+)__s", name)
        return inner[1] if inner else None
    stem = compound.removesuffix("Address")
    if stem == compound or not name.startswith(stem) or name == stem:
        return None
    return name.removeprefix(stem)


def kind_of(field: FieldDescription) -> FieldType | None:
    """The type that its column has; None for one that is not kept. A reference that names no object
    is an id.
    """
    if field.type not in set(FieldType) or field.type in NOT_KEPT:
        return None
    kind = FieldType(field.type)
    return FieldType.ID if kind is FieldType.REFERENCE and not field.references else kind


def scale_of(kind: FieldType, field: FieldDescription) -> int | None:
    """Decimal places; None for a number whose places describe does not bound, as a formula's."""
    if kind is FieldType.CURRENCY:
        return min(field.scale, DIGITS_MAX)
    is_bounded = kind in FRACTIONS and 0 < field.precision <= DIGITS_MAX and field.scale <= field.precision
    return field.scale if is_bounded and not field.calculated else None


def text_length(field: FieldDescription) -> int:
    """The most characters of a text. Of some types, as anyType, describe bounds none: the longest
    then.
    """
    return min(field.length, MOST_LENGTH) or MOST_LENGTH
