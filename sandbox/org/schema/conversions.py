"""Convert the values of a field when an administrator changes its type (Salesforce Help, "Convert
Field Types").
"""

from dataclasses import dataclass, field

from sandbox.org.errors import SalesforceError
from sandbox.org.schema.fields import Value, checker, is_text
from schemas.catalogue import FieldSpec, FieldType


@dataclass
class Conversion:
    """The new values of some records, and which of them lost something."""

    values: dict[str, Value] = field(default_factory=dict)
    """By record id."""
    lost: dict[str, Value] = field(default_factory=dict)
    """Those of `values` that say less than what was there."""


def convert(rows: list[tuple[str, Value]], name: str, new: FieldSpec) -> Conversion:
    """The records' values of a field as its new type holds them; `rows` are id and value, which is
    never None.
    """
    found = Conversion()
    for record_id, value in rows:
        made, is_whole = _converted(value, name, new)
        found.values[record_id] = made
        if not is_whole:
            found.lost[record_id] = made
    return found


def _converted(value: Value, name: str, new: FieldSpec) -> tuple[Value, bool]:
    """The value as the new type holds it, and whether it says all that it said."""
    if is_text(new):
        text = str(value)
        return text[: new.length], len(text) <= new.length
    try:
        made = checker(name, new)(value)
    except SalesforceError:
        return (False if new.type is FieldType.BOOLEAN else None), False
    # A time that becomes a date loses its hours.
    return made, not isinstance(made, str) or not isinstance(value, str) or len(made) >= len(value)
