"""The warehouse's tables, as columns: the one place from which DDL, loads, the fold's SQL and
Parquet files follow.

A column has a kind, not a type name: each warehouse adapter spells the kinds in its own words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from schemas.catalogue import DIGITS_MAX, IDS, FieldSpec, FieldType, ObjectSpec


def quoted(name: str) -> str:
    """A name of ours as SQL needs it; names hold no quotes."""
    return f'"{name}"'


BITS_PER_MASK = 60
"""Columns that one mask holds: a signed 64-bit integer, with room to spare."""
CURATED = "curated"
AUDIT = "audit"
OPS = "ops"


class Kind(StrEnum):
    """The type of a column's values."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class Column:
    """One column: `size` is most characters of a text (0: unbounded), `scale` decimal places of a
    decimal. `is_ascii`: a character of the text is one byte.
    """

    name: str
    kind: Kind
    size: int = 0
    scale: int = 0
    required: bool = False
    is_ascii: bool = False

    @property
    def sql(self) -> str:
        """The name as SQL needs it: in quotes, so that no reserved word of any dialect matters."""
        return quoted(self.name)

    @property
    def arrow(self) -> pa.DataType:
        """The column's type in Arrow and Parquet. Timestamps are UTC in milliseconds."""
        if self.kind is Kind.DECIMAL:
            return pa.decimal128(DIGITS_MAX, self.scale)
        return _ARROW[self.kind]


_ARROW = {
    Kind.TEXT: pa.large_string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("ms", tz="UTC"),
}
_KINDS = {
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.INT: Kind.INTEGER,
    FieldType.LONG: Kind.INTEGER,
    FieldType.DOUBLE: Kind.DOUBLE,
    FieldType.PERCENT: Kind.DOUBLE,
    FieldType.DATE: Kind.DATE,
    FieldType.DATETIME: Kind.TIMESTAMP,
}
UTF8_BYTES = 4
"""Most bytes of a character."""
ENCRYPTED_SIZE = 1_024
"""Room for an encrypted value as text."""
ID_SIZE = 18
TIME_SIZE = len("HH:MM:SS.mmm")
ORDER_SIZE = 48
NAME_SIZE = 255
KEY_SIZE = 64


def field_column(name: str, spec: FieldSpec) -> Column:
    """The column of a catalogue field called `name` in the warehouse; an encrypted field is always
    text.
    """
    if spec.is_protected:
        return Column(name, Kind.TEXT, size=max(ENCRYPTED_SIZE, 2 * spec.length))
    if (scale := spec.decimals) is not None:
        return Column(name, Kind.DECIMAL, scale=scale)
    kind = _KINDS.get(spec.type, Kind.TEXT)
    if kind is not Kind.TEXT:
        return Column(name, kind)
    return Column(name, kind, size=text_size(spec), is_ascii=spec.type in IDS)


def text_size(spec: FieldSpec) -> int:
    """Most characters of a clear field that is kept as text."""
    if spec.type is FieldType.TIME:
        return TIME_SIZE
    return ID_SIZE if spec.type in IDS else spec.length


def most_text_bytes(spec: FieldSpec, most_bytes: int | None) -> int | None:
    """Most bytes (UTF-8) that the column of a clear text takes; None: any number.

    `most_bytes` is that of the warehouse, as of `ObjectSpec`: Redshift sizes a column in bytes,
    and PostgreSQL does not.
    """
    if most_bytes is None:
        return None
    return min(text_size(spec) * (1 if spec.type in IDS else UTF8_BYTES), most_bytes)


def most_diff_bytes(spec: FieldSpec, most_bytes: int | None) -> int | None:
    """Most bytes of a text's diff, or of its token, that the text's column takes; None: any number.

    `most_bytes`: as of `most_text_bytes`.
    """
    if most_bytes is None or not spec.is_protected:
        return most_text_bytes(spec, most_bytes)
    return min(UTF8_BYTES * field_column("", spec).size, most_bytes)


def field_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """The object's own columns in catalogue order."""
    return tuple(field_column(column, spec.fields[name]) for name, column in spec.columns.items())


RECORD_ID = Column("record_id", Kind.TEXT, ID_SIZE, required=True, is_ascii=True)
CHANGE_ORDER = Column("change_order", Kind.TEXT, ORDER_SIZE, required=True, is_ascii=True)
CHANGED_AT = Column("changed_at", Kind.TIMESTAMP, required=True)
APPLIED_AT = Column("applied_at", Kind.TIMESTAMP, required=True)
BATCH = Column("batch", Kind.TEXT, NAME_SIZE, required=True, is_ascii=True)
IS_DELETED = Column("is_deleted", Kind.BOOLEAN, required=True)
IS_COMPLETE = Column("is_complete", Kind.BOOLEAN, required=True)
VERSION = Column("version", Kind.INTEGER, required=True)
UNKNOWN_FIELDS = Column("unknown_fields", Kind.TEXT, 65_535)
"""Columns of the row whose latest value did not fit, joined by commas; null: none. Such a column is
null, and that null says nothing.
"""
FIELD_FINDINGS = Column("field_findings", Kind.TEXT, 65_535)
"""Of staged changes: what is wrong with the change's fields, as `transforms.quality.findings`
writes it; null: nothing.
"""
CHANGE_HEADER = (
    RECORD_ID,
    CHANGE_ORDER,
    Column("change_type", Kind.TEXT, 16, required=True, is_ascii=True),
    CHANGED_AT,
    # columns an update carries; null: the whole record
    Column("changed_fields", Kind.TEXT, 65_535),
    Column(
        "diff_fields", Kind.TEXT, 65_535
    ),  # columns whose value is a diff against the one before; null: none
    Column("isolated_fields", Kind.TEXT, 65_535),  # columns whose value did not fit; null: none
    Column("commit_user", Kind.TEXT, ID_SIZE),
    Column("change_origin", Kind.TEXT, NAME_SIZE),
    Column("transaction_key", Kind.TEXT, KEY_SIZE),
    Column(
        "received_at", Kind.TIMESTAMP, required=True
    ),  # when we had it: what came before is Salesforce's part
    BATCH,
)
"""The change log's facts about a change, without its values."""


def staged_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """A batch's typed changes of one object, as `stage_batch` writes them to Parquet."""
    return (*CHANGE_HEADER, FIELD_FINDINGS, *field_columns(spec))


def change_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """`audit.<object>_change`: the change log."""
    return (*CHANGE_HEADER, APPLIED_AT, *field_columns(spec))


def base_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """`audit.<object>_base`: one row a record whose older changes have left the change log, with
    the state that they made.
    """
    # No field's column begins so: Salesforce's names begin with a letter.
    inner = (
        Column("_whole", Kind.BOOLEAN, required=True),  # a whole record was seen
        # columns whose text could not be made from its diff, or is longer than its column; null:
        # none
        Column("_doubtful", Kind.TEXT, 65_535),
        Column("_grown", Kind.TEXT, 65_535),
        # fingerprints of the places of all changes that the row stands for, joined
        Column("_covered", Kind.TEXT, 65_535, required=True),
    )
    state = (IS_DELETED, IS_COMPLETE, UNKNOWN_FIELDS, VERSION, CHANGE_ORDER, CHANGED_AT, APPLIED_AT, BATCH)
    return (RECORD_ID, *field_columns(spec), *state, *inner)


def current_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """`curated.<object>_current`: one row a record."""
    order = Column("last_change_order", Kind.TEXT, ORDER_SIZE, required=True, is_ascii=True)
    return (
        RECORD_ID,
        *field_columns(spec),
        IS_DELETED,
        IS_COMPLETE,
        UNKNOWN_FIELDS,
        VERSION,
        order,
        CHANGED_AT,
        APPLIED_AT,
        BATCH,
    )


def history_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """`curated.<object>_history`: one row a version (SCD type 2)."""
    valid = (
        Column("valid_from", Kind.TIMESTAMP, required=True),
        Column("valid_to", Kind.TIMESTAMP),
        Column("is_current", Kind.BOOLEAN, required=True),
    )
    state = (IS_DELETED, IS_COMPLETE, UNKNOWN_FIELDS, VERSION)
    return (RECORD_ID, *field_columns(spec), *state, *valid, CHANGE_ORDER, CHANGED_AT, APPLIED_AT, BATCH)


def mask_names(spec: ObjectSpec) -> tuple[str, ...]:
    """Columns that say which carried fields a net row sets, `BITS_PER_MASK` fields each."""
    count = -(-len(spec.fields) // BITS_PER_MASK)
    return tuple(f"set_{index}" for index in range(count))


def net_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """A net row: what a record's changes, up to this one, do to the row that was there before
    them.
    """
    masks = tuple(Column(name, Kind.INTEGER, required=True) for name in mask_names(spec))
    flags = (
        Column("sets_deleted", Kind.BOOLEAN, required=True),
        IS_DELETED,
        IS_COMPLETE,
        UNKNOWN_FIELDS,
        # 1 for the record's first change of the group
        Column("version_step", Kind.INTEGER, required=True),
        Column("valid_to", Kind.TIMESTAMP),
        Column("is_current", Kind.BOOLEAN, required=True),
    )
    return (RECORD_ID, CHANGE_ORDER, CHANGED_AT, APPLIED_AT, BATCH, *masks, *flags, *field_columns(spec))


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a table with these columns."""
    return pa.schema(
        [pa.field(column.name, column.arrow, nullable=not column.required) for column in columns]
    )
