"""The catalogue with the names that its objects and fields have in the warehouse for good. No
I/O.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pydantic import ValidationError

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.column_names import table_names
from schemas.errors import CatalogueError


class NameRow(NamedTuple):
    """The row of `ops.names` for an object (an empty field) or a field."""

    object: str
    field: str
    name: str
    why: str
    """Why it is not the usual name; empty when it is."""


def named(objects: Mapping[str, ObjectSpec], rows: Iterable[NameRow]) -> dict[str, ObjectSpec]:
    """The objects with the names that are on record, and names for what is not.

    Raises `CatalogueError` when the catalogue gives another name than the one on record, or one
    that is on record for something else, which may be there no more: the tables have these, with
    its values.
    """
    tables: dict[str, str] = {}
    columns: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.field:
            columns[row.object][row.field] = row.name
        else:
            tables[row.object] = row.name
    wrong = [
        *_other_tables(objects, tables),
        *_other_columns(objects, columns),
        *_owned_tables(objects, tables),
        *_owned_columns(objects, columns),
    ]
    if wrong:
        raise CatalogueError(path="", problems=wrong)
    wanted = {name: tables.get(name) or _own_table(spec) for name, spec in objects.items()}
    given = table_names(wanted, {name: table for name, table in tables.items() if name not in objects})
    return {name: _renamed(spec, given[name].name, columns[name]) for name, spec in objects.items()}


def new_rows(objects: Mapping[str, ObjectSpec], rows: Iterable[NameRow]) -> list[NameRow]:
    """The entries to record for named objects."""
    known = {(row.object, row.field) for row in rows}
    return [row for row in _rows(objects) if (row.object, row.field) not in known]


def _rows(objects: Mapping[str, ObjectSpec]) -> Iterator[NameRow]:
    tables = table_names(dict.fromkeys(objects))
    for name, spec in objects.items():
        given = tables[name]
        why = given.why if given.name == spec.table else "the catalogue gives it"
        yield NameRow(name, "", spec.table, why)
        for field, column in spec.given_columns.items():
            yield NameRow(name, field, column.name, column.why)


def _own_table(spec: ObjectSpec) -> str | None:
    """The table that the catalogue's file gives; None for one that follows from the name."""
    return spec.table if table_names({spec.name: None})[spec.name].name != spec.table else None


def _renamed(spec: ObjectSpec, table: str, columns: Mapping[str, str]) -> ObjectSpec:
    fields = {
        name: entry if name not in columns else entry.model_copy(update={"column": columns[name]})
        for name, entry in spec.fields.items()
    }
    former = {name: column for name, column in columns.items() if name not in fields}
    if (table, fields, former) == (spec.table, spec.fields, spec.former_columns):
        return spec
    described = spec.model_dump() | {
        "name": spec.name,
        "table": table,
        "fields": fields,
        "former_columns": former,
    }
    try:
        return ObjectSpec.model_validate(described)
    except ValidationError as error:
        problems = [f"objects.{spec.name}: {item['msg']}" for item in error.errors()]
        raise CatalogueError(path="", problems=problems) from error


def _owned_tables(objects: Mapping[str, ObjectSpec], tables: Mapping[str, str]) -> Iterator[str]:
    owners = {table: name for name, table in tables.items()}
    for name, spec in objects.items():
        own = _own_table(spec)
        if own is not None and name not in tables and own in owners:
            yield f"objects.{name}.table: the tables called {own} are those of {owners[own]}; give another name, or none"


def _owned_columns(
    objects: Mapping[str, ObjectSpec], columns: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for name, spec in objects.items():
        known = columns.get(name, {})
        owners = {column: field for field, column in known.items()}
        for field, entry in spec.fields.items():
            if field not in known and entry.column in owners:
                owner = owners[entry.column]
                yield f"objects.{name}.fields.{field}.column: {entry.column} has the values of {owner}; give another name, or none; for a renamed field see docs/objects.md, 'Renaming'"


def _other_tables(objects: Mapping[str, ObjectSpec], tables: Mapping[str, str]) -> Iterator[str]:
    for name, spec in objects.items():
        own = _own_table(spec)
        if name in tables and own is not None and own != tables[name]:
            yield f"objects.{name}.table: its tables are called {tables[name]}, not {own}; give that name, or none"


def _other_columns(
    objects: Mapping[str, ObjectSpec], columns: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for name, spec in objects.items():
        for field, entry in spec.fields.items():
            known = columns.get(name, {}).get(field)
            if known is not None and entry.column not in (None, known):
                yield f"objects.{name}.fields.{field}.column: its column is {known}, not {entry.column}; give that name, or none"


def within(catalogue: Catalogue, *, most_bytes: int | None, most_row_bytes: int | None) -> Catalogue:
    """The catalogue for a warehouse with these bounds; as of `ObjectSpec`."""
    bounds = {"most_bytes": most_bytes, "most_row_bytes": most_row_bytes}
    objects = {name: spec.model_copy(update=bounds) for name, spec in catalogue.objects.items()}
    return with_objects(catalogue, objects)


def with_objects(catalogue: Catalogue, objects: Mapping[str, ObjectSpec]) -> Catalogue:
    """The catalogue with other objects, which are valid."""
    return Catalogue.model_construct(every_object=catalogue.every_object, objects=dict(objects))
