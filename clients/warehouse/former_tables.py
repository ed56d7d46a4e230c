"""Tables of releases that put no names on record: refuse those whose names are others now, for they
would be orphaned without a word.

Up to release 0.1 a table or column was called by the usual name, whatever its length, and three
of today's own columns could be a field's.
"""

from collections.abc import Iterator, Mapping, Set

from clients.warehouse.sql.apply import current_table, tables_of
from schemas.catalogue import ObjectSpec
from schemas.column_names import snake_case
from schemas.tables import field_columns

_OF_SOME_TABLES = ("isolated_fields", "unknown_fields")
"""Our own columns that release 0.1 did not have; each is in some of an object's tables only, a
field's column in all.
"""


def former_names(
    objects: Mapping[str, ObjectSpec], named: Mapping[str, ObjectSpec], existing: Mapping[str, Set[str]]
) -> list[str]:
    """A sentence for each name in the warehouse that has to be changed by hand first.

    Args:
        objects: All of the catalogue, with their names.
        named: Those of them that get names just now, which no release with names on record has
            seen.
        existing: As `Warehouse.existing_columns`.
    """
    tables = {spec.table for spec in objects.values()}
    found: list[str] = []
    for name, spec in named.items():
        former = snake_case(name)
        if spec.table != former and former not in tables and _called(spec, former) in existing:
            found.append(
                f"{_called(spec, former)} has the values of {name}, whose tables are called {spec.table} now: rename each of its "
                f"tables {former}_…, as in ALTER TABLE {_called(spec, former)} RENAME TO {spec.table}_current"
            )
        found += _columns(spec, existing)
    return found


def _called(spec: ObjectSpec, table: str) -> str:
    return current_table(spec.model_copy(update={"table": table}))


def _columns(spec: ObjectSpec, existing: Mapping[str, Set[str]]) -> Iterator[str]:
    """Fields' columns that have a name that is ours now, or that is another one now."""
    columns = spec.columns
    now = {snake_case(field): column for field, column in columns.items()}
    ours = {column.name for column in field_columns(spec)}
    former = [name for name in dict.fromkeys([*_OF_SOME_TABLES, *now]) if name not in columns.values()]
    for name in former:
        there = [
            table
            for table, wanted in tables_of(spec).items()
            if name in existing.get(table, ()) and name not in {c.name for c in wanted} - ours
        ]
        if there:
            new = now.get(name)
            to = (
                f"rename it to {new}, as in ALTER TABLE {there[0]} RENAME COLUMN {name} TO {new}"
                if new
                else "rename it"
            )
            yield f"{name} in {spec.table}'s tables is a field's column, which cannot be called so now: {to}, in each of its tables"
