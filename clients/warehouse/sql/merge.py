"""The fold's fast path in SQL: net rows are written over the rows of current, and added to history.

It takes changes that are later than everything applied to their records; other records are
rebuilt from the change log.
"""

from clients.warehouse.sql.apply import current_table, history_table
from schemas.catalogue import ObjectSpec
from schemas.column_names import short_name
from schemas.tables import (
    BITS_PER_MASK,
    Column,
    field_columns,
    history_columns,
    mask_names,
    quoted,
)


def net_stage(spec: ObjectSpec, what: str) -> str:
    """Temporary table of net rows: `what` is `latest` (one a record) or `versions` (one a
    change).
    """
    return short_name(f"stage_{spec.table}_{what}")


def close_versions(spec: ObjectSpec) -> str:
    """End the open version of each record of the group where the group's first change begins."""
    # Without an alias: Redshift's guide forbids one for the table that is updated.
    table = history_table(spec)
    bare = table.partition(".")[2]
    return (
        f"UPDATE {table} SET valid_to = n.changed_at, is_current = FALSE "
        f"FROM {net_stage(spec, 'versions')} AS n "
        f"WHERE {bare}.record_id = n.record_id AND {bare}.is_current AND n.version_step = 1"
    )


def open_versions(spec: ObjectSpec) -> str:
    """One version a change: the row as it was before the group, with what the changes up to it
    set.
    """
    expressions = {
        "record_id": "n.record_id",
        **{
            column.name: _merged(spec, column, place, "c") for place, column in enumerate(field_columns(spec))
        },
        **_merged_state("c"),
        "valid_from": "n.changed_at",
        "valid_to": "n.valid_to",
        "is_current": "n.is_current",
        **{name: f"n.{name}" for name in ("change_order", "changed_at", "applied_at", "batch")},
    }
    columns = history_columns(spec)
    return (
        f"INSERT INTO {history_table(spec)} ({', '.join(column.sql for column in columns)}) "
        f"SELECT {', '.join(expressions[column.name] for column in columns)} "
        f"FROM {net_stage(spec, 'versions')} AS n LEFT JOIN {current_table(spec)} AS c ON c.record_id = n.record_id"
    )


def update_current(spec: ObjectSpec) -> str:
    """Bring the latest state of each record of the group up to date, all of which have a row; run
    it after `open_versions`.

    No MERGE: Redshift carries one out as a temporary table, an UPDATE and an INSERT that would find
    nothing to add.
    """
    target = f"{spec.table}_current"
    update = {
        **{
            column.name: _merged(spec, column, place, target)
            for place, column in enumerate(field_columns(spec))
        },
        **_merged_state(target),
        "last_change_order": "n.change_order",
        **{name: f"n.{name}" for name in ("changed_at", "applied_at", "batch")},
    }
    return (
        f"UPDATE {current_table(spec)} SET {', '.join(f'{quoted(name)} = {value}' for name, value in update.items())} "
        f"FROM {net_stage(spec, 'latest')} AS n WHERE {target}.record_id = n.record_id"
    )


def _merged(spec: ObjectSpec, column: Column, place: int, before: str) -> str:
    mask = mask_names(spec)[place // BITS_PER_MASK]
    bit = 1 << (place % BITS_PER_MASK)
    return f"CASE WHEN (n.{mask} & {bit}) <> 0 THEN n.{column.sql} ELSE {before}.{column.sql} END"


def _merged_state(before: str) -> dict[str, str]:
    return {
        "is_deleted": f"CASE WHEN n.sets_deleted THEN n.is_deleted ELSE COALESCE({before}.is_deleted, FALSE) END",
        "unknown_fields": "n.unknown_fields",
        "is_complete": f"n.is_complete OR COALESCE({before}.is_complete, FALSE)",
        "version": f"COALESCE({before}.version, 0) + n.version_step",
    }
