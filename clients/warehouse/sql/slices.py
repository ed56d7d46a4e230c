"""SQL of what a slice of the change log has for the rules `parent` and `unique`, in the part that
PostgreSQL and Redshift share: which parents are absent, which values are shared.

A slice is what was applied in a span of time. `ops.checked` says how far each object was looked at.
"""

from clients.warehouse.sql.apply import CHECKED, TOUCHED, change_table, current_table
from clients.warehouse.sql.quality import LATE
from schemas.catalogue import ObjectSpec
from schemas.ingest.change_types import DELETE
from schemas.salesforce.record_ids import KEY_PREFIX_CHARACTERS
from schemas.tables import quoted

_IN_SLICE = "applied_at > %s AND applied_at <= %s"
"""Parameters of each statement about a slice: after when, until when."""


def read_checked() -> str:
    """object, checked_until of every object that was looked at before."""
    return f"SELECT object, checked_until FROM {CHECKED}"


def find_slice_end(spec: ObjectSpec, most: int) -> str:
    """When the last of the next `most` changes was applied; null when there is none. Parameters:
    after when, until when.
    """
    return (
        f"SELECT MAX(s.applied_at) FROM (SELECT applied_at FROM {change_table(spec)} WHERE {_IN_SLICE} "
        f"ORDER BY applied_at LIMIT {most}) AS s"
    )


def keep_checked() -> str:
    """Keep how far an object was looked at; run it after `forget_checked`. Parameters: the object,
    until when.
    """
    return f"INSERT INTO {CHECKED} (object, checked_until) VALUES (%s, %s)"


def forget_checked() -> str:
    """Parameter: the object."""
    return f"DELETE FROM {CHECKED} WHERE object = %s"


def touch_applied(spec: ObjectSpec) -> str:
    """Put the records of the changes that were applied in a slice of time into `TOUCHED`;
    parameters: after when, until when.
    """
    return f"INSERT INTO {TOUCHED} (record_id) SELECT DISTINCT record_id FROM {change_table(spec)} WHERE {_IN_SLICE}"


def find_departed(spec: ObjectSpec) -> str:
    """A row when a record was deleted in a slice of time; parameters: after when, until when."""
    return (
        f"SELECT record_id FROM {change_table(spec)} WHERE {_IN_SLICE} AND change_type = '{DELETE}' LIMIT 1"
    )


def find_absent_parents(spec: ObjectSpec, name: str, parent: ObjectSpec) -> str:
    """Ids that changes of a slice of time point to, and that are not there or deleted; parameters:
    after when, until when.
    """
    # Each id once, before it is looked up: children of one parent come together.
    return (
        f"SELECT v.target FROM (SELECT DISTINCT {quoted(name)} AS target FROM {change_table(spec)} "
        f"WHERE {_IN_SLICE} AND SUBSTRING({quoted(name)}, 1, {KEY_PREFIX_CHARACTERS}) = '{parent.key_prefix}') AS v "
        f"LEFT JOIN {current_table(parent)} AS p ON p.record_id = v.target AND NOT p.is_deleted WHERE p.record_id IS NULL"
    )


def find_pointing(spec: ObjectSpec, name: str) -> str:
    """record_id, place and batch of the last change, and the parent, of live records that got a
    reference to one of `LATE` in a slice of time, and still have it; parameters: after when, until
    when.
    """
    column = quoted(name)
    return (
        f"SELECT DISTINCT c.record_id, c.last_change_order, c.batch, c.{column} FROM {LATE} AS t "
        f"JOIN {change_table(spec)} AS n ON n.{column} = t.record_id "
        f"JOIN {current_table(spec)} AS c ON c.record_id = n.record_id AND c.{column} = n.{column} "
        "WHERE n.applied_at > %s AND n.applied_at <= %s AND NOT c.is_deleted"
    )


def find_children(spec: ObjectSpec, name: str, parent: ObjectSpec) -> str:
    """record_id, place and batch of the last change, and the parent, of live records that point to
    one that was deleted in a slice of time; parameters: after when, until when.
    """
    column = quoted(name)
    gone = f"SELECT DISTINCT record_id FROM {change_table(parent)} WHERE {_IN_SLICE} AND change_type = '{DELETE}'"
    return (
        f"SELECT c.record_id, c.last_change_order, c.batch, c.{column} FROM ({gone}) AS t "
        f"JOIN {current_table(parent)} AS p ON p.record_id = t.record_id JOIN {current_table(spec)} AS c ON c.{column} = t.record_id "
        "WHERE p.is_deleted AND NOT c.is_deleted"
    )


def find_shared_values(spec: ObjectSpec, name: str) -> str:
    """Values that changes of a slice of time carry and that more than one live record has;
    parameters: after when, until when.
    """
    return f"SELECT h.value FROM ({_held(spec, quoted(name), _carried(spec, quoted(name)))}) AS h"


def find_newly_shared(spec: ObjectSpec, name: str) -> str:
    """As `find_shared`, of the records that got a value in a slice of time; parameters: after when,
    until when, twice.
    """
    column = quoted(name)
    # Of the values that were carried, not of those that their records have: a record that has
    # another one by now got it later, and a later slice has that.
    got = f"(SELECT DISTINCT record_id FROM {change_table(spec)} WHERE {_IN_SLICE} AND {column} IS NOT NULL)"
    return _shared(spec, column, records=got, values=_carried(spec, column))


def find_shared(spec: ObjectSpec, name: str) -> str:
    """Of some records (`LATE`) those whose value another live record has in the same column, with
    one such record, place and batch of its last change.
    """
    column = quoted(name)
    values = (
        f"SELECT DISTINCT w.{column} AS value FROM {LATE} AS r JOIN {current_table(spec)} AS w "
        "ON w.record_id = r.record_id WHERE NOT w.is_deleted"
    )
    return _shared(spec, column, records=LATE, values=values)


def _shared(spec: ObjectSpec, column: str, *, records: str, values: str) -> str:
    """Of `records` those that have one of the `values`, if another live record has it, too."""
    return (
        "SELECT c.record_id, CASE WHEN h.first_id = c.record_id THEN h.last_id ELSE h.first_id END, c.last_change_order, c.batch "
        f"FROM {records} AS t JOIN {current_table(spec)} AS c ON c.record_id = t.record_id "
        f"JOIN ({_held(spec, column, values)}) AS h ON h.value = c.{column} WHERE NOT c.is_deleted"
    )


def _held(spec: ObjectSpec, column: str, values: str) -> str:
    """Those of the values that several live records have, with two of these."""
    # Each value's holders are counted once: a pair for each two of them would be 50 million of ten
    # thousand equal values.
    return (
        f"SELECT o.{column} AS value, MIN(o.record_id) AS first_id, MAX(o.record_id) AS last_id FROM ({values}) AS v "
        f"JOIN {current_table(spec)} AS o ON o.{column} = v.value WHERE NOT o.is_deleted GROUP BY o.{column} HAVING COUNT(*) > 1"
    )


def _carried(spec: ObjectSpec, column: str) -> str:
    return f"SELECT DISTINCT {column} AS value FROM {change_table(spec)} WHERE {_IN_SLICE} AND {column} IS NOT NULL"
