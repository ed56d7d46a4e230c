"""SQL rows as the JSON of records: values in REST's forms, parents nested, every record with its
address.

Datetimes end in `+0000` here (`Z` in Bulk CSV), numbers with decimals are always floats
(`10.0`), a parent that is missing is null as a whole, and so is an address without any part
(REST API Developer Guide, "Query").
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox.org.schema.exact import stored_number
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.soql.entities import COMPOUNDS, DECIMAL_KINDS
from sandbox.org.soql.scope import AS
from sandbox.org.soql.selection import Column

Row = Sequence[Any]
Reader = Callable[[Row], Any]
"""Takes a value out of an SQL row, in its JSON form."""

_ADDRESS_PARTS = (
    "city",
    "country",
    "geocodeAccuracy",
    "latitude",
    "longitude",
    "postalCode",
    "state",
    "street",
)
"""Subfields of every address; codes of state and country come with the fields for them."""
_ADDRESS_CODES = ("countryCode", "stateCode")
_NUMBER_PARTS = frozenset({"latitude", "longitude"})


def row_renderer(compiled: CompiledQuery, base: str) -> Callable[[Row], dict[str, Any]]:
    """A function from SQL row to record (or AggregateResult). `base` is `/services/data/v67.0`."""
    if compiled.shape == "groups":
        return _group_reader(compiled.columns)
    if not compiled.selection.parents and all(column.kind not in COMPOUNDS for column in compiled.columns):
        return _flat_reader(compiled.entity.name, compiled.columns, base)
    return _record_reader(compiled, (), compiled.entity.name, 0, base)


def _group_reader(columns: Iterable[Column]) -> Callable[[Row], dict[str, Any]]:
    readers = [(column.path[-1], _column_reader(column, "")) for column in columns]

    def read(row: Row) -> dict[str, Any]:
        return {"attributes": {"type": "AggregateResult"}} | {name: reader(row) for name, reader in readers}

    return read


def _flat_reader(object_name: str, columns: Iterable[Column], base: str) -> Callable[[Row], dict[str, Any]]:
    """The common case, three times as fast: no nesting, and conversions only where the stored form
    is another.
    """
    plain = [(column.path[0], column.index) for column in columns]
    converted = [
        (column.path[0], column.index, convert)
        for column in columns
        if (convert := _conversion(column.kind, base))
    ]
    url = f"{base}/sobjects/{object_name}/"

    def read(row: Row) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": object_name, "url": url + row[0]}}
        for name, index in plain:
            record[name] = row[index]
        for name, index, convert in converted:
            record[name] = convert(row[index])
        return record

    return read


def _record_reader(
    compiled: CompiledQuery, here: tuple[str, ...], object_name: str, id_index: int, base: str
) -> Callable[[Row], Any]:
    """A reader of the record reached by the relationships `here`, with all that was asked of it and
    its parents.
    """
    url = f"{base}/sobjects/{object_name}/"
    readers: list[tuple[str, Reader]] = []
    nested: set[str] = set()
    for column in compiled.columns:
        if column.path[: len(here)] != here:
            continue
        name = column.path[len(here)]
        if len(column.path) == len(here) + 1:
            readers.append((name, _column_reader(column, base)))
        elif name not in nested:
            nested.add(name)
            readers.append((name, _parent_reader(compiled, (*here, name), base)))

    def read(row: Row) -> dict[str, Any] | None:
        if (record_id := row[id_index]) is None:
            return None
        record: dict[str, Any] = {"attributes": {"type": object_name, "url": url + record_id}}
        for name, reader in readers:
            record[name] = reader(row)
        return record

    return read


def _parent_reader(compiled: CompiledQuery, there: tuple[str, ...], base: str) -> Reader:
    """A reader of the record that the relationships `there` lead to; a `TYPEOF` tries each object
    that it may be of.
    """
    parents = compiled.selection.parents
    if (parent := parents.get(there)) is not None:
        return _record_reader(compiled, there, parent.object_name, parent.index, base)
    variants = [
        _record_reader(compiled, path, found.object_name, found.index, base)
        for path, found in parents.items()
        if path[:-1] == there and path[-1].startswith(AS)
    ]

    def read(row: Row) -> Any:
        return next((record for variant in variants if (record := variant(row)) is not None), None)

    return read


def _column_reader(column: Column, base: str) -> Reader:
    if column.kind in COMPOUNDS:
        return _compound_reader(column)
    index, convert = column.index, _conversion(column.kind, base)
    return (lambda row: row[index]) if convert is None else (lambda row: convert(row[index]))


def _compound_reader(column: Column) -> Reader:
    places = {part: column.index + offset for offset, part in enumerate(column.parts)}
    names = (*_ADDRESS_PARTS, *(code for code in _ADDRESS_CODES if code in places))
    shown = sorted(names) if column.kind == "address" else sorted(places)

    def part_of(row: Row, name: str) -> Any:
        found = row[places[name]] if name in places else None
        return stored_number(found) if name in _NUMBER_PARTS else found

    def read(row: Row) -> dict[str, Any] | None:
        if all(row[index] is None for index in places.values()):
            return None
        return {name: part_of(row, name) for name in shown}

    return read


def _conversion(kind: str, base: str) -> Callable[[Any], Any] | None:
    """From the store's form to REST's; None where they are the same. What an unchecked write has
    left is shown as it is.
    """
    if kind == "base64":
        return lambda stored: None if stored is None else base + stored
    return _CONVERSIONS.get(kind)


def _datetime(stored: Any) -> Any:
    return stored[:-1] + "+0000" if type(stored) is str and stored[-1:] == "Z" else stored


def _boolean(stored: Any) -> Any:
    return stored if type(stored) is str else bool(stored)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "datetime": _datetime,
    **dict.fromkeys(DECIMAL_KINDS, stored_number),
}
"""A boolean field without a value is false, as in Salesforce."""
