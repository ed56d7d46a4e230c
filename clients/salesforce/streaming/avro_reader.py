"""The short way through an event in Avro: its fields as they come, without those that are null.

fastavro looks at the schema for each value, and makes a value of each field. Here a schema becomes
a Python function once, which has a few steps a field and none for types. It knows the types that
change events have. Whatever is odd makes it give up, and fastavro reads the event again: so it
never decides that an event is broken, and what it gives is what fastavro gives.

The function's text has numbers and quoted names of the schema, nothing else of it.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

Convert = Callable[[Any], Any]
_DOUBLE = Struct("<d")
_MOST_SHIFT = 56
"""Bits before the ninth byte of a number: one of so many bytes has no more than 63 bits."""
_MOST_BRANCHES = 64
"""A branch of a union has one byte up to here."""
_CONTINUES = 0x80
_RAW = ("n = d[p]", "p += 1", "if n > 127: n, p = number(d, p - 1)")
_TEXT = (*_RAW, "if n & 1: raise OddError", "e = p + (n >> 1)", "v = d[p:e].decode()", "p = e")
_PLAIN: Mapping[str, tuple[str, ...]] = {
    "string": _TEXT,
    "int": (*_RAW, "v = (n >> 1) ^ -(n & 1)"),
    "long": (*_RAW, "v = (n >> 1) ^ -(n & 1)"),
    "double": ("v, = double(d, p)", "p += 8"),
    "boolean": ("if d[p] > 1: raise OddError", "v = d[p] == 1", "p += 1"),
}
"""Steps that read a value: `d` are the bytes, `p` is the place in them, `v` becomes the value."""


class OddError(Exception):
    """The short way does not know; fastavro shall say."""


def event_reader(
    fields: list[dict[str, Any]],
    conversions: Mapping[str, Convert],
    compounds: Mapping[str, Mapping[str, Convert]],
) -> Callable[[bytes], dict[str, Any]]:
    """A function from an event's bytes to its fields that are no nulls, converted. It raises nearly
    anything for an event that fastavro may read otherwise.

    Args:
        fields: Of the schema.
        conversions: By field.
        compounds: Of the parts, by the name of their compound. A record that is not named here
            keeps its nulls.

    Raises `OddError` for a schema with other types.
    """
    source = _Source()
    source.add(1, "f0 = {}", "p = 0")
    source.add_record(1, "f0", fields, conversions, compounds)
    source.add(1, "if p != len(d): raise OddError", "return f0")
    return source.compiled()


def known_reader(
    fields: list[dict[str, Any]],
    conversions: Mapping[str, Convert],
    compounds: Mapping[str, Mapping[str, Convert]],
) -> Callable[[bytes], dict[str, Any]] | None:
    """As `event_reader`; None for a schema that only fastavro reads."""
    try:
        return event_reader(fields, conversions, compounds)
    except Exception:  # a schema that is too deep for Python among them
        return None


class _Source:
    """The text of a function, and the values that it names."""

    def __init__(self) -> None:
        self._lines = ["def read(d):"]
        self._names: dict[str, Any] = {
            "OddError": OddError,
            "double": _DOUBLE.unpack_from,
            "number": _number,
            "texts": _texts,
        }

    def add(self, depth: int, *lines: str) -> None:
        """Steps, one a line."""
        self._lines += [" " * depth + line for line in lines]

    def add_record(
        self,
        depth: int,
        record: str,
        fields: list[dict[str, Any]],
        conversions: Mapping[str, Convert],
        compounds: Mapping[str, Mapping[str, Convert]],
        *,
        keeps_nulls: bool = False,
    ) -> None:
        """Steps that read fields into the dict that is called `record`."""
        for field in fields:
            name, kind = str(field["name"]), field["type"]
            convert = conversions.get(name)
            value = "v" if convert is None else f"{self._named(convert)}(v)"
            kept = f"{record}[{name!r}] = {value}"
            parts = compounds.get(name)
            if not isinstance(kind, list):
                self._add_value(depth, kind, kept, parts, keeps_nulls=keeps_nulls)
                continue
            if len(kind) > _MOST_BRANCHES:
                raise OddError
            self.add(depth, "b = d[p]", "p += 1")
            for place, each in enumerate(kind):
                self.add(depth, f"{'elif' if place else 'if'} b == {2 * place}:")
                self._add_value(depth + 1, each, kept, parts, keeps_nulls=keeps_nulls)
            self.add(depth, "else: raise OddError")

    def compiled(self) -> Callable[[bytes], dict[str, Any]]:
        """The function."""
        # The text is ours but for names, and these are quoted by `repr`.
        exec(compile("\n".join(self._lines), "<avro schema>", "exec"), self._names)  # noqa: S102
        read: Callable[[bytes], dict[str, Any]] = self._names["read"]
        return read

    def _add_value(
        self, depth: int, kind: Any, kept: str, parts: Mapping[str, Convert] | None, *, keeps_nulls: bool
    ) -> None:
        while isinstance(kind, dict) and isinstance(kind["type"], dict):
            kind = kind["type"]
        name = kind["type"] if isinstance(kind, dict) else kind
        if name == "null":
            self.add(depth, *(("v = None", kept) if keeps_nulls else ("pass",)))
        elif name == "record":
            inner = f"f{len(self._lines)}"
            self.add(depth, f"{inner} = {{}}")
            self.add_record(depth, inner, kind["fields"], parts or {}, {}, keeps_nulls=parts is None)
            self.add(depth, f"v = {inner}", kept)
        elif name == "enum":
            words = self._named([str(each) for each in kind["symbols"]])
            self.add(depth, *_RAW, "if n & 1: raise OddError", f"v = {words}[n >> 1]", kept)
        elif name == "array" and kind["items"] == "string":
            self.add(depth, "v, p = texts(d, p)", kept)
        elif isinstance(name, str) and name in _PLAIN:
            self.add(depth, *_PLAIN[name], kept)
        else:
            raise OddError

    def _named(self, value: Any) -> str:
        name = f"given{len(self._names)}"
        self._names[name] = value
        return name


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number in zigzag form, and where it ends."""
    byte = data[at]
    at += 1
    number, shift = byte & 0x7F, 7
    while byte >= _CONTINUES:
        if shift > _MOST_SHIFT:
            raise OddError
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
    return number, at


def _texts(data: bytes, at: int) -> tuple[list[str], int]:
    texts = []
    while data[at]:
        count, at = _number(data, at)
        if count & 1:
            raise OddError  # its bytes are counted, too
        for _ in range(count >> 1):
            size, at = _number(data, at)
            end = at + (size >> 1)
            if size & 1 or end > len(data):
                raise OddError
            texts.append(data[at:end].decode())
            at = end
    return texts, at + 1
