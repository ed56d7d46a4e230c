"""Shared SQL of refreshes: whose inputs were changed, by the change log. Every parameter is the
time since when.
"""

from collections.abc import Sequence

from clients.warehouse.sql.apply import change_table, current_table
from schemas.catalogue import ObjectSpec


def count_live(spec: ObjectSpec) -> str:
    """The number of records that are not deleted."""
    return f"SELECT COUNT(*) FROM {current_table(spec)} WHERE NOT is_deleted"


def records_changed(spec: ObjectSpec, names: Sequence[str]) -> str:
    """Records with a change that carries one of the columns, or everything."""
    return f"SELECT DISTINCT c.record_id {_changes(spec, names)}"


def records_below(spec: ObjectSpec, reference: str, parent: ObjectSpec, names: Sequence[str]) -> str:
    """Records whose `reference` leads to a parent with such a change."""
    return (
        f"SELECT DISTINCT r.record_id FROM {current_table(spec)} AS r "
        f'JOIN ({records_changed(parent, names)}) AS p ON r."{reference}" = p.record_id'
    )


def records_above(child: ObjectSpec, reference: str, names: Sequence[str]) -> str:
    """Records to which a child with such a change leads, or has led: its `reference` counts as one
    of the columns.
    """
    changed = records_changed(child, [*names, reference])
    return (
        f'SELECT DISTINCT k."{reference}" FROM {change_table(child)} AS k '
        f'JOIN ({changed}) AS p ON k.record_id = p.record_id WHERE k."{reference}" IS NOT NULL'
    )


def _changes(spec: ObjectSpec, names: Sequence[str]) -> str:
    carried = "".join(f" OR POSITION(',{column},' IN ',' || c.changed_fields || ',') > 0" for column in names)
    return (
        f"FROM {change_table(spec)} AS c WHERE c.applied_at >= %s "
        f"AND (c.changed_fields IS NULL OR c.change_type IN ('delete', 'undelete', 'create', 'snapshot'){carried})"
    )
