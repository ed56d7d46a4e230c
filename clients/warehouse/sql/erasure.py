"""SQL of erasures, in the part that PostgreSQL and Redshift share."""

from collections.abc import Sequence

from clients.warehouse.sql.apply import (
    ERASED,
    GROUPED,
    LEDGER,
    QUALITY,
    QUARANTINE,
    REBUILT,
    change_table,
    tables_of,
)
from schemas.catalogue import ObjectSpec
from schemas.tables import Column, change_columns, quoted


def count_erased() -> str:
    """The number of erased records."""
    return f"SELECT COUNT(*) FROM {ERASED}"


def list_erased() -> str:
    """Every erased record."""
    return f"SELECT record_id FROM {ERASED}"


def find_erased_grouped() -> str:
    """Of the group's records those that were erased; parameter: the object."""
    return f"SELECT t.record_id FROM {GROUPED} AS t JOIN {ERASED} AS e ON e.record_id = t.record_id WHERE t.object = %s"


def find_erased_named(count: int) -> str:
    """Of `count` records those that were erased; parameters: their ids."""
    return f"SELECT record_id FROM {ERASED} WHERE record_id IN ({_marks(count)})"


def read_log(spec: ObjectSpec) -> str:
    """Every logged change of the records to rebuild, in the columns of `change_columns`."""
    names = ", ".join(f"c.{column.sql}" for column in change_columns(spec))
    return f"SELECT {names} FROM {change_table(spec)} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def delete_log(spec: ObjectSpec) -> str:
    """Remove the logged changes of the records to rebuild; they are loaded again, without
    values.
    """
    bare = change_table(spec).partition(".")[2]
    return f"DELETE FROM {change_table(spec)} USING {REBUILT} AS r WHERE {bare}.record_id = r.record_id"


def count_rows(table: str) -> str:
    """The number of rows of the records to rebuild."""
    return f"SELECT COUNT(*) FROM {table} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def count_with_values(table: str, names: Sequence[str]) -> str:
    """Those of them with a value in one of some columns."""
    if not names:
        return f"{count_rows(table)} WHERE 1 = 0"
    there = " OR ".join(f"c.{quoted(name)} IS NOT NULL" for name in names)
    return f"{count_rows(table)} WHERE {there}"


def read_versions(table: str) -> str:
    """record_id and the number of its versions, of the records to rebuild in current."""
    return f"SELECT c.record_id, c.version FROM {table} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def count_log(spec: ObjectSpec) -> str:
    """record_id and the number of its logged changes, of the records to rebuild."""
    return (
        f"SELECT c.record_id, COUNT(*) FROM {change_table(spec)} AS c JOIN {REBUILT} AS r "
        "ON c.record_id = r.record_id GROUP BY c.record_id"
    )


def read_curated(table: str, columns: Sequence[Column]) -> str:
    """Whole rows of the records to rebuild."""
    names = ", ".join(f"c.{column.sql}" for column in columns)
    return f"SELECT {names} FROM {table} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def read_quarantine() -> str:
    """batch, ordinal, object, record_id, detail, event of rows of the records to rebuild, and of
    those that nobody can say whose they are.
    """
    facts = "q.batch, q.ordinal, q.object, q.record_id, q.detail, q.event"
    return (
        f"SELECT {facts} FROM {QUARANTINE} AS q LEFT JOIN {REBUILT} AS r ON q.record_id = r.record_id "
        "WHERE r.record_id IS NOT NULL OR q.record_id IS NULL"
    )


def read_quarantine_of(count: int) -> str:
    """The same columns of rows whose event names one of `count` texts; parameters: patterns of
    LIKE.
    """
    likes = " OR ".join(["event LIKE %s"] * count)
    return f"SELECT batch, ordinal, object, record_id, detail, event FROM {QUARANTINE} WHERE {likes}"


def rewrite_quarantine() -> str:
    """Parameters: event, detail, batch, ordinal."""
    return f"UPDATE {QUARANTINE} SET event = %s, detail = %s WHERE batch = %s AND ordinal = %s"


def read_findings() -> str:
    """object, record_id, field, rule, detail of findings about the records to rebuild."""
    return (
        f"SELECT q.object, q.record_id, q.field, q.rule, q.detail FROM {QUALITY} AS q "
        f"JOIN {REBUILT} AS r ON q.record_id = r.record_id"
    )


def close_finding() -> str:
    """Parameters: detail, when, by what, object, record, field, rule."""
    return (
        f"UPDATE {QUALITY} SET detail = %s, resolved_at = COALESCE(resolved_at, %s), "
        "resolved_by = COALESCE(resolved_by, %s) "
        "WHERE object = %s AND record_id = %s AND field = %s AND rule = %s"
    )


def move_raw_file() -> str:
    """Name a batch's new raw file in its rows of the ledger; parameters: new key, batch, new
    key.
    """
    return f"UPDATE {LEDGER} SET raw_key = %s WHERE batch = %s AND raw_key <> %s"


def read_values(spec: ObjectSpec, name: str) -> str:
    """Every value that the records to rebuild had in a column, also in changes that have left the
    log.
    """
    column = quoted(name)
    return " UNION ".join(
        f"SELECT c.{column} FROM {table} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id "
        f"WHERE c.{column} IS NOT NULL"
        for table in tables_of(spec)
    )


def find_related(spec: ObjectSpec, name: str) -> str:
    """Records whose reference names or named one of the records to rebuild."""
    column = quoted(name)
    return " UNION ".join(
        f"SELECT c.record_id FROM {table} AS c JOIN {REBUILT} AS r ON c.{column} = r.record_id"
        for table in tables_of(spec)
    )


def find_first_seen(spec: ObjectSpec) -> str:
    """When the first change of the records to rebuild was received, and when they were made in the
    org; null: it is not known.
    """
    created = "MIN(c.created_date)" if "CreatedDate" in spec.fields else "NULL"
    return (
        f"SELECT MIN(c.received_at), {created} FROM {change_table(spec)} AS c "
        f"JOIN {REBUILT} AS r ON c.record_id = r.record_id"
    )


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)
