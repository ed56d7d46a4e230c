"""PostgreSQL's indexes beside the tables' keys: for looks at findings, months, parents and external
ids.
"""

import itertools
from collections.abc import Iterator, Sequence

import psycopg

from clients.warehouse.shadow.schemas import in_schemas
from clients.warehouse.sql.apply import LEDGER, QUALITY, QUARANTINE, change_table, current_table
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.column_names import short_name
from schemas.quality import ParentState
from schemas.salesforce.record_ids import KEY_PREFIX_CHARACTERS
from schemas.tables import quoted
from transforms.quality.references import pointers

_CREATE_INDEX = "CREATE INDEX IF NOT EXISTS "


def existing_indexes(connection: psycopg.Connection, schemas: Sequence[str]) -> set[str]:
    """Names of the indexes that are there."""
    rows = connection.execute("SELECT indexname FROM pg_indexes WHERE schemaname = ANY(%s)", (list(schemas),))
    return {str(name) for (name,) in rows}


def wanted_indexes(catalogue: Catalogue, prefix: str) -> dict[str, str]:
    """Name -> statement of the indexes that a table may come to need after it was made."""
    of_objects = (_object_indexes(spec, catalogue, prefix) for spec in catalogue.objects.values())
    statements = itertools.chain(_ops_indexes(prefix), itertools.chain.from_iterable(of_objects))
    return {statement.removeprefix(_CREATE_INDEX).split()[0]: statement for statement in statements}


def _ops_indexes(prefix: str) -> Iterator[str]:
    # A parent that comes finds by it what waits.
    waiting = "(target) WHERE resolved_at IS NULL AND target IS NOT NULL"
    about_two = "WHERE resolved_at IS NULL AND target IS NOT NULL"
    parts = {
        "quality_target": waiting,
        # Looks ask whether anything is open at all; orphans may be millions.
        "quality_open_rule": f"(object, rule, field) {about_two}",
        "quality_awaited": f"(SUBSTRING(target, 1, {KEY_PREFIX_CHARACTERS})) {about_two}",
        "quality_undecided": f"(object) WHERE resolved_at IS NULL AND state <> '{ParentState.ORPHAN}'",
    }
    for name, columns in parts.items():
        yield f"CREATE INDEX IF NOT EXISTS {name} ON {in_schemas(QUALITY, prefix)} {columns}"
    # A look at the engine asks for the last hours, of a ledger of years.
    yield f"CREATE INDEX IF NOT EXISTS ledger_committed ON {in_schemas(LEDGER, prefix)} (committed_at)"
    open_rows = "(reason, quarantined_at) WHERE resolved_at IS NULL AND acknowledged_at IS NULL"
    yield f"CREATE INDEX IF NOT EXISTS quarantine_waiting ON {in_schemas(QUARANTINE, prefix)} {open_rows}"


def _object_indexes(spec: ObjectSpec, catalogue: Catalogue, prefix: str) -> Iterator[str]:
    # Retention reads a month. Rows lie in the order in which they were applied, so some bytes
    # for each 128 pages tell where it is, and an insert costs nothing (manual, "BRIN Indexes").
    index, log = short_name(f"{spec.table}_change_month"), in_schemas(change_table(spec), prefix)
    yield f"CREATE INDEX IF NOT EXISTS {index} ON {log} USING brin (applied_at)"
    # Rules about two records and the change feed read what was applied since they last looked.
    index = short_name(f"{spec.table}_change_applied")
    yield f"CREATE INDEX IF NOT EXISTS {index} ON {log} (applied_at)"
    where = in_schemas(current_table(spec), prefix)
    for name, column in spec.columns.items():
        if spec.fields[name].external_id:
            # Records are looked for by their external ids when writebacks of them are accepted.
            index = short_name(f"{spec.table}_current_{column}")
            yield f"CREATE INDEX IF NOT EXISTS {index} ON {where} ({quoted(column)})"
    for name in spec.unique_fields:
        # A hash takes texts of any length; an ordered index takes 2,700 bytes.
        index = short_name(f"{spec.table}_current_{spec.columns[name]}_same")
        yield f"CREATE INDEX IF NOT EXISTS {index} ON {where} USING hash ({quoted(spec.columns[name])})"
    for pointer in pointers(spec, catalogue):
        # The children of a deleted parent are looked for.
        index = short_name(f"{spec.table}_current_{pointer.column}_points")
        column = quoted(pointer.column)
        yield f"CREATE INDEX IF NOT EXISTS {index} ON {where} ({column}) WHERE {column} IS NOT NULL"


def indexed_fields(spec: ObjectSpec, catalogue: Catalogue) -> tuple[str, ...]:
    """The fields by which current rows are found without a look at all of them, in catalogue
    order.
    """
    chosen = {*spec.unique_fields, *(pointer.field for pointer in pointers(spec, catalogue))}
    return tuple(name for name, field in spec.fields.items() if field.external_id or name in chosen)
