"""The types of fields, in describe's words, and the groups that the engine treats alike.

CONTRIBUTING.md lists the files that a new type touches.
"""

from enum import StrEnum


class FieldType(StrEnum):
    """A field's type, in describe's words (REST API Developer Guide, sObject Describe)."""

    STRING = "string"
    TEXTAREA = "textarea"
    """Long and rich text areas, too: describe tells them apart by `htmlFormatted` and
    `extraTypeInfo` alone.
    """
    ENCRYPTEDSTRING = "encryptedstring"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    COMBOBOX = "combobox"
    PHONE = "phone"
    URL = "url"
    EMAIL = "email"
    ANYTYPE = "anyType"
    """A value of any type, as its text."""
    ID = "id"
    """The id of a record of an object that is not named."""
    REFERENCE = "reference"
    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    PERCENT = "percent"
    CURRENCY = "currency"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    """A time of day, kept as a text `HH:MM:SS.mmm`, which sorts as times do."""
    BASE64 = "base64"
    """The bytes of a file: they are in no event and in no Bulk result, so the field is left out."""


TEXTS = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXTAREA,
        FieldType.ENCRYPTEDSTRING,
        FieldType.PICKLIST,
        FieldType.MULTIPICKLIST,
        FieldType.COMBOBOX,
        FieldType.PHONE,
        FieldType.URL,
        FieldType.EMAIL,
        FieldType.ANYTYPE,
    }
)
"""Types whose length counts."""
IDS = frozenset({FieldType.REFERENCE, FieldType.ID})
WHOLE_NUMBERS = frozenset({FieldType.INT, FieldType.LONG})
FRACTIONS = frozenset({FieldType.DOUBLE, FieldType.PERCENT})
"""Decimal with a `scale`, binary without one."""
FRACTIONAL = FRACTIONS | {FieldType.CURRENCY}
"""Numbers that may have decimal places."""
MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME})
DIGITS_MAX = 18
"""Digits of a number, decimal places included (Object Reference, "Primitive Data Types"; the
same in the warehouses' columns).
"""
