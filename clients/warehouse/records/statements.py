"""SQL of reads of records. PostgreSQL's own: these reads need its indexes."""

from collections.abc import Sequence

from clients.warehouse.sql.apply import (
    ARCHIVE,
    OBJECT_COMMIT,
    base_table,
    change_table,
    current_table,
    history_table,
)
from schemas.catalogue import ObjectSpec
from schemas.tables import (
    Column,
    base_columns,
    change_columns,
    current_columns,
    field_columns,
    history_columns,
    quoted,
)

_LAST = f"FROM {OBJECT_COMMIT} WHERE object = %s ORDER BY number DESC LIMIT 1"
_FRESH = f"(SELECT number {_LAST}), (SELECT applied_at {_LAST})"
"""Number and time of the object's last commit that the statement sees; parameter: the object,
twice.
"""


def find_freshness() -> str:
    """Number and time of an object's last commit, null before the first; parameter: the object,
    twice.
    """
    return f"SELECT {_FRESH}"


def find_record(spec: ObjectSpec) -> str:
    """One record; parameters: the object, twice, then the record's id."""
    return f"{_current(spec)} WHERE c.record_id = %s"


def find_records(spec: ObjectSpec) -> str:
    """Some records; parameters: the object, twice, then an array of ids."""
    return f"{_current(spec)} WHERE c.record_id = ANY(%s) ORDER BY c.record_id"


def list_records(spec: ObjectSpec, chosen: Sequence[str], count: int, *, deleted: bool) -> str:
    """The next `count` records by id, those whose columns `chosen` have a value; parameters: the
    object, twice, the values, then the id after which to go on.
    """
    conditions = [f"c.{quoted(name)} = %s" for name in chosen]
    conditions += [] if deleted else ["NOT c.is_deleted"]
    conditions.append("c.record_id > %s")
    return f"{_current(spec)} WHERE {' AND '.join(conditions)} ORDER BY c.record_id LIMIT {count}"


def find_version(spec: ObjectSpec) -> str:
    """The record's version that was valid at a time; parameters: the object, twice, the record's
    id, the time.
    """
    where = "WHERE c.record_id = %s AND c.valid_from <= %s ORDER BY c.change_order DESC LIMIT 1"
    return f"SELECT {_FRESH}, {_names(history_columns(spec))} FROM {history_table(spec)} AS c {where}"


def list_versions(spec: ObjectSpec, count: int) -> str:
    """The record's next `count` versions, the newest first; parameters: the object, twice, the
    record's id, then the version before which to go on.
    """
    where = f"WHERE c.record_id = %s AND c.version < %s ORDER BY c.version DESC LIMIT {count}"
    return f"SELECT {_FRESH}, {_names(history_columns(spec))} FROM {history_table(spec)} AS c {where}"


def read_logged(spec: ObjectSpec) -> str:
    """The record's changes that were applied by a time, in the columns of `LoggedChange`;
    parameters: the record's id, the time.
    """
    head = ("record_id", "change_order", "change_type", "changed_at", "changed_fields", "diff_fields")
    names = [*head, "isolated_fields", "batch", "applied_at", *(each.sql for each in field_columns(spec))]
    listed = ", ".join(f"c.{name}" for name in names)
    return f"SELECT {listed} FROM {change_table(spec)} AS c WHERE c.record_id = %s AND c.applied_at <= %s"


def read_base(spec: ObjectSpec) -> str:
    """The record's base; parameter: its id."""
    return f"SELECT {_names(base_columns(spec))} FROM {base_table(spec)} AS c WHERE c.record_id = %s"


def find_left_months() -> str:
    """The last month, `2026-11`, whose changes have left the change log, null for none; parameter:
    the change log's table.
    """
    return f"SELECT MAX(month) FROM {ARCHIVE} WHERE source = %s AND dropped_at IS NOT NULL"


def list_changes(spec: ObjectSpec, count: int) -> str:
    """The next `count` changes in the order of the feed, without their freshness; parameters: the
    time of the place after which to go on, then the place: time, change_order, record_id.
    """
    names = _names(change_columns(spec))
    after = "c.applied_at >= %s AND (c.applied_at, c.change_order, c.record_id) > (%s, %s, %s)"
    order = f"ORDER BY c.applied_at, c.change_order, c.record_id LIMIT {count}"
    return f"SELECT {names} FROM {change_table(spec)} AS c WHERE {after} {order}"


def find_changes(spec: ObjectSpec) -> str:
    """Some changes of a record in their order, without their freshness; parameters: the record's
    id, an array of their `change_order`.
    """
    names = _names(change_columns(spec))
    where = "WHERE c.record_id = %s AND c.change_order = ANY(%s) ORDER BY c.change_order"
    return f"SELECT {names} FROM {change_table(spec)} AS c {where}"


def _current(spec: ObjectSpec) -> str:
    return f"SELECT {_FRESH}, {_names(current_columns(spec))} FROM {current_table(spec)} AS c"


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(f"c.{column.sql}" for column in columns)
