"""The object catalogue: which objects and fields Tidegate keeps, and how each field is to be
treated.

Everything downstream (raw protection, validation, table columns, history) is derived from this
one file, so an object that is not here is not read, and a field that is not here is never
written in plaintext anywhere. Change `catalogue.yaml`, not code, to add an object or a field.
"""

from schemas.catalogue.field_spec import FieldSpec, Pii, TooLong
from schemas.catalogue.field_types import (
    DIGITS_MAX,
    FRACTIONAL,
    FRACTIONS,
    IDS,
    MOMENTS,
    TEXTS,
    WHOLE_NUMBERS,
    FieldType,
)
from schemas.catalogue.load import DEFAULT_CATALOGUE, Catalogue, default_catalogue, load_catalogue
from schemas.catalogue.object_spec import STAMPS, ObjectSpec, relationship_name

__all__ = [
    "DEFAULT_CATALOGUE",
    "DIGITS_MAX",
    "FRACTIONAL",
    "FRACTIONS",
    "IDS",
    "MOMENTS",
    "STAMPS",
    "TEXTS",
    "WHOLE_NUMBERS",
    "Catalogue",
    "FieldSpec",
    "FieldType",
    "ObjectSpec",
    "Pii",
    "TooLong",
    "default_catalogue",
    "load_catalogue",
    "relationship_name",
]
