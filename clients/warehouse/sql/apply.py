"""The fold's SQL: statements that PostgreSQL and Redshift both understand.

Only what both have: UPDATE … FROM without an alias of its target, DELETE … USING.
Names come from the catalogue, whose table and column names are checked identifiers. A test
parses every statement with sqlglot's Redshift dialect, and another runs it on PostgreSQL.
"""

from collections.abc import Sequence

from schemas.catalogue import ObjectSpec
from schemas.ops_tables import (
    ACKNOWLEDGEMENT_COLUMNS,
    ARCHIVE_COLUMNS,
    CHECKED_COLUMNS,
    COMMIT_COLUMNS,
    DRIFT_COLUMNS,
    ERASED_COLUMNS,
    HOLD_COLUMNS,
    LEDGER_COLUMNS,
    NAMES_COLUMNS,
    QUALITY_COLUMNS,
    QUALITY_DAY_COLUMNS,
    QUARANTINE_COLUMNS,
    RECONCILIATION_COLUMNS,
    REFOLD_COLUMNS,
    REREAD_COLUMNS,
    RESOLUTION_COLUMNS,
    TOKEN_KEY_COLUMNS,
)
from schemas.tables import (
    AUDIT,
    CHANGE_ORDER,
    CURATED,
    NAME_SIZE,
    OPS,
    RECORD_ID,
    Column,
    Kind,
    base_columns,
    change_columns,
    current_columns,
    field_columns,
    history_columns,
    quoted,
)
from transforms.ingest.wide_rows import LARGEST_INLINE, most_bytes_of

TOUCHED = "stage_touched"
"""Temporary: some records of one object (record_id)."""
GROUPED = "stage_grouped"
"""Temporary: the records of every group of the transaction (object, record_id)."""
SUSPECT = "stage_suspect"
"""Temporary: records with a change that is not later than what was applied (record_id)."""
REBUILT = "stage_rebuilt"
"""Temporary: records to fold again (record_id)."""
FOLDED_FROM = "stage_folded_from"
"""Temporary: records that are folded again from their base, with its place (record_id,
change_order).
"""
RECORD_LIST: tuple[Column, ...] = (RECORD_ID,)
GROUPED_LIST: tuple[Column, ...] = (Column("object", Kind.TEXT, NAME_SIZE), RECORD_ID)
RECORD_PLACES: tuple[Column, ...] = (RECORD_ID, CHANGE_ORDER)


def change_table(spec: ObjectSpec) -> str:
    return f"{AUDIT}.{spec.table}_change"


def base_table(spec: ObjectSpec) -> str:
    return f"{AUDIT}.{spec.table}_base"


def current_table(spec: ObjectSpec) -> str:
    return f"{CURATED}.{spec.table}_current"


def history_table(spec: ObjectSpec) -> str:
    return f"{CURATED}.{spec.table}_history"


LEDGER = f"{OPS}.ledger"
OBJECT_COMMIT = f"{OPS}.object_commit"
QUARANTINE = f"{OPS}.quarantine"
RECONCILIATION = f"{OPS}.reconciliation"
REREAD = f"{OPS}.reread"
DRIFT = f"{OPS}.drift"
QUALITY = f"{OPS}.quality"
QUALITY_DAY = f"{OPS}.quality_day"
CHECKED = f"{OPS}.checked"
HOLD = f"{OPS}.hold"
NAMES = f"{OPS}.names"
ARCHIVE = f"{OPS}.archive"
REFOLD = f"{OPS}.refold"
ERASED = f"{OPS}.erased"
TOKEN_KEY = f"{OPS}.token_key"
COPIED = f"{OPS}.copied"
"""Of the read copy alone."""
TABLES_OF_OPS: dict[str, tuple[Column, ...]] = {
    LEDGER: LEDGER_COLUMNS,
    OBJECT_COMMIT: COMMIT_COLUMNS,
    QUARANTINE: (*QUARANTINE_COLUMNS, *RESOLUTION_COLUMNS, *ACKNOWLEDGEMENT_COLUMNS),
    QUALITY: (*QUALITY_COLUMNS, *RESOLUTION_COLUMNS, *ACKNOWLEDGEMENT_COLUMNS),
    QUALITY_DAY: QUALITY_DAY_COLUMNS,
    CHECKED: CHECKED_COLUMNS,
    HOLD: HOLD_COLUMNS,
    NAMES: NAMES_COLUMNS,
    ERASED: ERASED_COLUMNS,
    TOKEN_KEY: TOKEN_KEY_COLUMNS,
    RECONCILIATION: RECONCILIATION_COLUMNS,
    REREAD: REREAD_COLUMNS,
    DRIFT: DRIFT_COLUMNS,
    ARCHIVE: ARCHIVE_COLUMNS,
    REFOLD: REFOLD_COLUMNS,
}


def tables_of(spec: ObjectSpec) -> dict[str, tuple[Column, ...]]:
    """The object's permanent tables and their columns."""
    tables = {change_table(spec): change_columns(spec), current_table(spec): current_columns(spec)}
    tables[base_table(spec)] = base_columns(spec)
    if spec.history:
        tables[history_table(spec)] = history_columns(spec)
    return tables


def find_by_key(spec: ObjectSpec, key: str, references: Sequence[str], count: int) -> str:
    """External id, record id and references of the live records that have one of `count` external
    ids in the column `key`; parameters: the external ids.
    """
    columns, key = "".join(f", c.{quoted(name)}" for name in references), quoted(key)
    return (
        f"SELECT c.{key}, c.record_id{columns} FROM {current_table(spec)} AS c "
        f"WHERE c.{key} IN ({placeholders(count)}) AND NOT c.is_deleted"
    )


def find_last_orders(spec: ObjectSpec) -> str:
    """record_id, the order of the last change applied, unknown_fields: of the group's records that
    exist.
    """
    return (
        f"SELECT c.record_id, c.last_change_order, c.unknown_fields FROM {current_table(spec)} AS c "
        f"JOIN {GROUPED} AS t ON {_is_grouped(spec)}"
    )


def find_widths(spec: ObjectSpec) -> str:
    """record_id and the most bytes that its values take in a row, of the group's records that
    exist.
    """
    sizes = " + ".join(_most_bytes(column) for column in field_columns(spec))
    return f"SELECT c.record_id, {sizes} FROM {current_table(spec)} AS c JOIN {GROUPED} AS t ON {_is_grouped(spec)}"


def _is_grouped(spec: ObjectSpec) -> str:
    # The object's name is a checked identifier.
    return f"c.record_id = t.record_id AND t.object = '{spec.name}'"


def _most_bytes(column: Column) -> str:
    most = most_bytes_of(column)
    name = f"c.{column.sql}"
    if column.kind is not Kind.TEXT:
        return f"CASE WHEN {name} IS NULL THEN 0 ELSE {most} END"
    short = f"WHEN OCTET_LENGTH({name}) < {LARGEST_INLINE} THEN OCTET_LENGTH({name}) + 1"
    return f"CASE WHEN {name} IS NULL THEN 0 {short} ELSE {most} END"


def find_logged_orders(spec: ObjectSpec) -> str:
    """record_id, change_order of the suspect records' changes that were logged since a time;
    parameter: the time.
    """
    return (
        f"SELECT c.record_id, c.change_order FROM {change_table(spec)} AS c "
        f"JOIN {SUSPECT} AS s ON c.record_id = s.record_id WHERE c.applied_at >= %s"
    )


def read_changes(spec: ObjectSpec) -> str:
    """Every logged change of the records to rebuild, in the columns of `LoggedChange`."""
    head = [
        "record_id",
        "change_order",
        "change_type",
        "changed_at",
        "changed_fields",
        "diff_fields",
        "isolated_fields",
        "batch",
        "applied_at",
    ]
    names = ", ".join(f"c.{name}" for name in [*head, *(column.sql for column in field_columns(spec))])
    return f"SELECT {names} FROM {change_table(spec)} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def find_bases(spec: ObjectSpec) -> str:
    """The bases of the suspect records that have one, in the columns of `base_columns`."""
    return _bases(spec, SUSPECT)


def read_bases(spec: ObjectSpec) -> str:
    """The same of the records to rebuild."""
    return _bases(spec, REBUILT)


def _bases(spec: ObjectSpec, of: str) -> str:
    names = ", ".join(f"b.{column.sql}" for column in base_columns(spec))
    return f"SELECT {names} FROM {base_table(spec)} AS b JOIN {of} AS s ON b.record_id = s.record_id"


def delete_versions_since(spec: ObjectSpec) -> str:
    """Remove the versions of the staged records from the place of their base on."""
    table = history_table(spec)
    bare = table.partition(".")[2]
    return (
        f"DELETE FROM {table} USING {FOLDED_FROM} AS f "
        f"WHERE {bare}.record_id = f.record_id AND {bare}.change_order >= f.change_order"
    )


def delete_rebuilt(table: str) -> str:
    """Remove the records to rebuild from a curated table; their new rows are loaded in the same
    transaction.
    """
    bare = table.partition(".")[2]
    return f"DELETE FROM {table} USING {REBUILT} AS r WHERE {bare}.record_id = r.record_id"


def read_fields(spec: ObjectSpec, columns: Sequence[Column]) -> str:
    """record_id, unknown_fields and some columns of the touched records that exist."""
    names = ", ".join(f"c.{column.sql}" for column in columns)
    return (
        f"SELECT c.record_id, c.unknown_fields, {names} FROM {current_table(spec)} AS c "
        f"JOIN {TOUCHED} AS t ON c.record_id = t.record_id"
    )


def find_run() -> str:
    """True when a run of a reconciliation has its row; parameters: run, object."""
    return f"SELECT run FROM {RECONCILIATION} WHERE run = %s AND object = %s"


MOST_LISTED = 500
"""Values that a statement lists; more are staged. A temporary table costs Redshift about as much as
a commit.
"""


def placeholders(count: int) -> str:
    return ",".join(["%s"] * count)


def insert_row(table: str, columns: Sequence[Column]) -> str:
    """Insert one row given as parameters."""
    names = ", ".join(column.sql for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))})"
