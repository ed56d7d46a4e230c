"""A shadow and the warehouse's own tables, compared: counts by table and column, and some record
ids. No values.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.shadow.schemas import drop_statements, find_shadows, name_of_schema, shadow_prefix
from clients.warehouse.shadow.sql import KEY, compared_tables, count_differences, find_differences
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError
from schemas.tables import Column

EXAMPLES = 5


@dataclass(frozen=True)
class TableDifference:
    """One table of an object, and the shadow's one."""

    object: str
    table: str
    both: int
    """Rows, by key, that both have."""
    only_here: int
    """Rows that the shadow lacks: of what was not replayed, for instance."""
    only_there: int
    """Rows that the warehouse lacks."""
    differing: int
    """Rows that both have and that differ."""
    columns: dict[str, int] = field(default_factory=dict)
    """Column -> rows that differ in it; those that differ in none are left out."""
    examples: tuple[str, ...] = ()
    """Record ids."""

    @property
    def is_equal(self) -> bool:
        return not (self.only_here or self.only_there or self.differing)

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        return asdict(self) | {"equal": self.is_equal}


def shadows_of(warehouse: Warehouse) -> list[str]:
    """The names of the shadows that the warehouse has."""
    with warehouse.transaction() as transaction:
        return [name_of_schema(schema) for (schema,) in transaction.fetch(find_shadows())]


def drop_shadow(warehouse: Warehouse, name: str) -> None:
    """Remove the shadow's schemas with all that is in them; nothing happens when there is none."""
    with warehouse.transaction() as transaction:
        for statement in drop_statements(name):
            transaction.execute(statement)


def compare_shadow(
    warehouse: Warehouse, catalogue: Catalogue, name: str, *, only: str | None = None
) -> Iterator[TableDifference]:
    """Each table of each object, or of the object `only`, one after the other; raises
    `SettingsError` when there is no such shadow.
    """
    known = shadows_of(warehouse)
    if name not in known:
        listed = ", ".join(known) or "none"
        raise SettingsError(
            f"There is no shadow {name} (there is {listed}). Make it with `tidegate replay --shadow {name}`."
        )
    for spec in catalogue.objects.values():
        if only not in (None, spec.name):
            continue
        for table in compared_tables(spec):
            with warehouse.transaction() as transaction:
                yield _compared(transaction, spec.name, table, compared_tables(spec)[table], name)


def _compared(
    transaction: Transaction, object_name: str, table: str, columns: tuple[Column, ...], name: str
) -> TableDifference:
    prefix = shadow_prefix(name)
    [counts] = transaction.fetch(count_differences(table, columns, prefix))
    both, only_here, only_there, differing, *by_column = (int(count or 0) for count in counts)
    values = [column.name for column in columns if column.name not in KEY]
    found = TableDifference(
        object=object_name,
        table=table,
        both=both,
        only_here=only_here,
        only_there=only_there,
        differing=differing,
        columns={column: count for column, count in zip(values, by_column, strict=True) if count},
    )
    if found.is_equal:
        return found
    rows = transaction.fetch(find_differences(table, columns, prefix, EXAMPLES))
    return replace(found, examples=tuple(record for (record,) in rows))
