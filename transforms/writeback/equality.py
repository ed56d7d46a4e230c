"""True when a record has the sent values, in any of Salesforce's spellings."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from schemas.catalogue import FieldSpec, FieldType, ObjectSpec, Pii, relationship_name
from transforms.convert_values import converter
from transforms.misfits import MISFIT, Converter, landed

ID_CHARACTERS = 15
"""Characters of an id that tell it; the other three are a checksum."""


def same(spec: ObjectSpec, name: str, sent: Any, values: Mapping[str, Any]) -> bool:
    """True when a field has the value that was sent, however Salesforce writes it. A parent by its
    external id is compared when that was read (`paths`).
    """
    if isinstance(sent, Mapping):
        asked = {f"{name}.{key}": value for key, value in sent.items()}
        return all(
            str(value).lower() == str(values[path]).lower() for path, value in asked.items() if path in values
        )
    if name not in values:
        return False
    return bool(_comparable(spec, name, sent) == _comparable(spec, name, values[name]))


def paths(spec: ObjectSpec, name: str, sent: Any) -> list[str]:
    """The fields to read in order to compare a field: itself, or the parent's external id. Nothing
    for what cannot be read like that.
    """
    if not isinstance(sent, Mapping):
        return [name] if name in spec.fields else []
    found = [field for known, field in spec.fields.items() if relationship_name(known) == name]
    # A reference to one of several objects leads to what all of them have in common.
    is_plain = any(field.type is FieldType.REFERENCE and len(field.references) == 1 for field in found)
    return [f"{name}.{key}" for key in sent] if is_plain else []


@cache
def _clear_converter(spec: FieldSpec) -> Converter:
    """Of values as Salesforce has them: those of protected fields, too, are in plaintext here."""
    return converter(spec.model_copy(update={"pii": Pii.NONE}))


def _comparable(spec: ObjectSpec, name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    known = spec.fields.get(name)
    if known is None:
        return value
    if known.type is FieldType.MULTIPICKLIST and isinstance(value, str):
        return frozenset(value.split(";"))
    if known.type is FieldType.REFERENCE and isinstance(value, str):
        return value[:ID_CHARACTERS]
    found = landed(_clear_converter(known), value)
    if found is MISFIT:
        return value
    # Salesforce cuts white space off the ends of texts (REST API Developer Guide, "Working with
    # Records").
    return found.strip() or None if isinstance(found, str) else found
