"""`ops.names`: the names of the warehouse's tables and columns, written once and never changed."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.former_tables import former_names
from clients.warehouse.sql import apply as sql, drift as drift_sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import SettingsError
from schemas.ops_tables import NAMES_COLUMNS
from transforms.catalogue.warehouse_names import NameRow, named, new_rows, with_objects

_LOCK = "names"


def read_names(transaction: Transaction) -> list[NameRow]:
    """Every name on record."""
    return [NameRow(*row) for row in transaction.fetch(drift_sql.read_names())]


def keep_names(warehouse: Warehouse, catalogue: Catalogue) -> Catalogue:
    """Put the names of what is new on record; returns the catalogue with every name that is.

    The first one decides, so it is done before a table or column is made. Raises
    `CatalogueError` when the catalogue gives something another name than it has, and
    `SettingsError` when the warehouse has tables or columns of a release before names were kept
    that would be called otherwise now.
    """
    warehouse.ensure_tables(with_objects(catalogue, {}))
    with warehouse.transaction() as transaction:
        transaction.lock_object(_LOCK)
        known = read_names(transaction)
        objects = named(catalogue.objects, known)
        _check_former(warehouse, objects, known)
        statement = sql.insert_row(sql.NAMES, NAMES_COLUMNS)
        for row in new_rows(objects, known):
            transaction.execute(statement, [*row, datetime.now(UTC)])
    return with_objects(catalogue, objects)


def _check_former(warehouse: Warehouse, objects: Mapping[str, ObjectSpec], known: Iterable[NameRow]) -> None:
    seen = {row.object for row in known}
    fresh = {name: spec for name, spec in objects.items() if name not in seen}
    if fresh and (wrong := former_names(objects, fresh, warehouse.existing_columns())):
        listed = "\n  ".join(wrong)
        raise SettingsError(
            f"The warehouse has names that an older release gave:\n  {listed}\nNothing was changed; rename them, then start again."
        )
