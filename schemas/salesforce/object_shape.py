"""An object and its fields as the org describes them, for all that the catalogue says of a field.

Source: REST API Developer Guide, "sObject Describe".
"""

from schemas.message import Message


class FieldDescription(Message):
    """A field as the org describes it."""

    name: str
    type: str
    """In describe's words; may be none of `FieldType`."""
    length: int = 0
    precision: int = 0
    """Digits of a number; 0 for other types."""
    scale: int = 0
    compound: str = ""
    """The compound field that it is a part of (`compoundFieldName`); empty: none."""
    values: tuple[str, ...] = ()
    """The active values of a restricted picklist; empty for every other field."""
    label: str = ""
    unique: bool = False
    compliance: tuple[str, ...] = ()
    """`ComplianceGroup` of its definition (Tooling API, "FieldDefinition"), split; empty: none, or
    not asked.
    """
    classification: str = ""
    """`SecurityClassification`; empty: none, or not asked."""
    references: tuple[str, ...] = ()
    external_id: bool = False
    calculated: bool = False
    nullable: bool = True
    """A record may be without it."""
    defaulted: bool = False
    """The org gives it a value where nobody does (`defaultedOnCreate`)."""
    composed: bool = False
    """A name that the org puts together of its parts, as Contact.Name: change events carry the
    parts and no text. Account.Name in an org with person accounts is none: it is a text of
    businesses.
    """
    required: bool = False
    """A record cannot be made without giving it."""


class DescribedShape(Message):
    """An object as the org describes it."""

    name: str
    label: str
    key_prefix: str = ""
    """Three characters; empty: its records have no ids of their own."""
    queryable: bool = True
    fields: tuple[FieldDescription, ...]
