"""SQL of reads of records. PostgreSQL's own: these reads need its indexes."""

from collections.abc import Callable, Sequence
from functools import wraps

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


def _once(make: Callable[[ObjectSpec], str]) -> Callable[[ObjectSpec], str]:
    """Have an object's statement made once for as long as the catalogue keeps the object as it is:
    to join the names of its columns takes a tenth of a read.
    """
    made: dict[str, tuple[ObjectSpec, str]] = {}

    @wraps(make)
    def found(spec: ObjectSpec) -> str:
        known = made.get(spec.name)
        if known is None or known[0] is not spec:
            known = made[spec.name] = (spec, make(spec))
        return known[1]

    return found


def find_freshness() -> str:
    """Number and time of an object's last commit, null before the first; parameter: the object,
    twice.
    """
    return f"SELECT {_FRESH}"


@_once
def find_record(spec: ObjectSpec) -> str:
    """One record; parameters: the object, twice, then the record's id."""
    return f"{_current(spec)} WHERE c.record_id = %s"


@_once
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


@_once
def find_version(spec: ObjectSpec) -> str:
    """The record's version that was valid at a time, null for none; parameters: the object, twice,
    the record's id, the time.
    """
    where = "WHERE v.record_id = %s AND v.valid_from <= %s ORDER BY v.change_order DESC LIMIT 1"
    return _beside_freshness(
        [each.sql for each in history_columns(spec)], f"{history_table(spec)} AS v {where}"
    )


@_once
def list_versions(spec: ObjectSpec) -> str:
    """The record's next versions, the newest first, one row of nulls for none; parameters: the
    object, twice, the record's id, the version before which to go on, and the count.
    """
    where = "WHERE v.record_id = %s AND v.version < %s ORDER BY v.version DESC LIMIT %s"
    return _beside_freshness(
        [each.sql for each in history_columns(spec)], f"{history_table(spec)} AS v {where}"
    )


@_once
def read_logged(spec: ObjectSpec) -> str:
    """The last month that has left the change log, whether the record has a base, and its changes
    that were applied by a time, in the columns of `LoggedChange`, one row of nulls for none;
    parameters: the object, twice, the change log's table, the record's id, twice, the time.
    """
    head = ("record_id", "change_order", "change_type", "changed_at", "changed_fields", "diff_fields")
    names = [*head, "isolated_fields", "batch", "applied_at", *(each.sql for each in field_columns(spec))]
    month, has_base = (
        f"({find_left_months()})",
        f"EXISTS (SELECT 1 FROM {base_table(spec)} WHERE record_id = %s)",
    )
    where = "WHERE v.record_id = %s AND v.applied_at <= %s"
    return _beside_freshness(names, f"{change_table(spec)} AS v {where}", month, has_base)


@_once
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


def _beside_freshness(names: Sequence[str], rows: str, *more: str) -> str:
    """The freshness, and `more` of the object, with each of the rows and without any: one look at
    one state of the warehouse.
    """
    head = ", ".join([_FRESH, *more, *(f"c.{name}" for name in names)])
    chosen = ", ".join(f"v.{name}" for name in names)
    return f"SELECT {head} FROM (SELECT 1) AS one LEFT JOIN (SELECT {chosen} FROM {rows}) AS c ON TRUE"


def _current(spec: ObjectSpec) -> str:
    return f"SELECT {_FRESH}, {_names(current_columns(spec))} FROM {current_table(spec)} AS c"


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(f"c.{column.sql}" for column in columns)
