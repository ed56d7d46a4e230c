"""The field sets of an Avro change event: which fields changed, were emptied, or came as a diff.

A set is a list of texts such as `["0x650004E0", "4-0x10"]`: the first is a bitmap over the
fields of the event's schema (lowest bit: field 0, the header itself), `4-0x10` one over the
parts of field 4. The first is left out when only parts are in the set (Pub/Sub API Guide, "Event
Deserialization Considerations").
"""

from collections.abc import Sequence
from typing import NamedTuple

FieldPath = tuple[str, ...]
"""`("Phone",)`, or `("Name", "FirstName")` for a part of a compound."""
_MOST_CACHED = 4_096


class FieldPlace(NamedTuple):
    """A field of a schema at the place that its bit means, with the names of its parts; a plain
    field has none.
    """

    name: str
    parts: tuple[str, ...] = ()


class FieldSets:
    """Reads the field sets of one schema. Few sets make up most of a stream, so what was read is
    remembered.
    """

    def __init__(self, fields: Sequence[FieldPlace]) -> None:
        self._fields = tuple(fields)
        self._known: dict[tuple[str, ...], tuple[FieldPath, ...]] = {}

    def paths(self, bitmaps: Sequence[str]) -> tuple[FieldPath, ...]:
        """The fields in a set, in the schema's order, parts last; raises `ValueError` when it names
        what is not there.
        """
        if not bitmaps:
            return ()
        key = tuple(bitmaps)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
            found = self._known[key] = tuple(path for bitmap in key for path in self._read(bitmap))
        return found

    def _read(self, bitmap: str) -> list[FieldPath]:
        place, _, nested = bitmap.rpartition("-")
        if not place:
            return [(self._at(bit).name,) for bit in _bits(nested)]
        field = self._at(int(place))
        try:
            return [(field.name, field.parts[bit]) for bit in _bits(nested)]
        except IndexError:
            raise ValueError(f"{field.name} has {len(field.parts)} parts, not those of {bitmap}") from None

    def _at(self, place: int) -> FieldPlace:
        if not 0 <= place < len(self._fields):
            raise ValueError(f"the schema has {len(self._fields)} fields, not one at {place}")
        return self._fields[place]


def _bits(text: str) -> list[int]:
    if not text.startswith("0x"):
        raise ValueError("a bitmap begins with 0x")
    number = int(text, 16)
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]
