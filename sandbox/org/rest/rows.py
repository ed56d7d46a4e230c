"""SQL rows as the JSON of records: values in REST's forms, parents nested, every record with its address.

Datetimes end in `+0000` here (`Z` in Bulk CSV), numbers with decimals are always floats (`10.0`), a parent that is missing is null
as a whole, and so is an address without any part (REST API Developer Guide, "Query"; salesforce.md B.1).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox.org.soql.compiled import CompiledQuery
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


def row_renderer(compiled: CompiledQuery, base: str) -> Callable[[Row], dict[str, Any]]:
    """A function from SQL row to record (or AggregateResult). `base` is `/services/data/v67.0`."""
    if compiled.shape == "groups":
        return _group_reader(compiled.columns)
    if not compiled.selection.parents and all(column.kind != "address" for column in compiled.columns):
        return _flat_reader(compiled.entity.name, compiled.columns, base)
    return _record_reader(compiled, (), compiled.entity.name, 0, base)


def _group_reader(columns: Iterable[Column]) -> Callable[[Row], dict[str, Any]]:
    readers = [(column.path[-1], _column_reader(column)) for column in columns]

    def read(row: Row) -> dict[str, Any]:
        return {"attributes": {"type": "AggregateResult"}} | {name: reader(row) for name, reader in readers}

    return read


def _flat_reader(object_name: str, columns: Iterable[Column], base: str) -> Callable[[Row], dict[str, Any]]:
    """The common case, three times as fast: no nesting, and conversions only where the stored form is another."""
    plain = [(column.path[0], column.index) for column in columns]
    converted = [
        (column.path[0], column.index, convert)
        for column in columns
        if (convert := _CONVERSIONS.get(column.kind))
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
    """A reader of the record reached by the relationships `here`, with all that was asked of it and its parents."""
    url = f"{base}/sobjects/{object_name}/"
    readers: list[tuple[str, Reader]] = []
    nested: set[str] = set()
    for column in compiled.columns:
        if column.path[: len(here)] != here:
            continue
        name = column.path[len(here)]
        if len(column.path) == len(here) + 1:
            readers.append((name, _column_reader(column)))
        elif name not in nested:
            nested.add(name)
            parent = compiled.selection.parents[(*here, name)]
            readers.append(
                (name, _record_reader(compiled, (*here, name), parent.object_name, parent.index, base))
            )

    def read(row: Row) -> dict[str, Any] | None:
        if (record_id := row[id_index]) is None:
            return None
        record: dict[str, Any] = {"attributes": {"type": object_name, "url": url + record_id}}
        for name, reader in readers:
            record[name] = reader(row)
        return record

    return read


def _column_reader(column: Column) -> Reader:
    if column.kind == "address":
        return _address_reader(column)
    index, convert = column.index, _CONVERSIONS.get(column.kind)
    return (lambda row: row[index]) if convert is None else (lambda row: convert(row[index]))


def _address_reader(column: Column) -> Reader:
    places = {part: column.index + offset for offset, part in enumerate(column.parts)}

    def read(row: Row) -> dict[str, Any] | None:
        if all(row[index] is None for index in places.values()):
            return None
        return {part: row[places[part]] if part in places else None for part in _ADDRESS_PARTS}

    return read


def _datetime(stored: str | None) -> str | None:
    return None if stored is None else stored[:-1] + "+0000"


def _number(stored: float | None) -> float | None:
    return None if stored is None else float(stored)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "datetime": _datetime,
    "double": _number,
    "percent": _number,
    "currency": _number,
}
"""From the store's form to REST's. A boolean field without a value is false, as in Salesforce."""
