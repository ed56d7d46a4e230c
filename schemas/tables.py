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
    decimal.
    """

    name: str
    kind: Kind
    size: int = 0
    scale: int = 0
    required: bool = False

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
    return Column(name, kind, size=text_size(spec) if kind is Kind.TEXT else 0)


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
    return None if most_bytes is None else min(UTF8_BYTES * text_size(spec), most_bytes)


def field_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """The object's own columns in catalogue order."""
    return tuple(field_column(column, spec.fields[name]) for name, column in spec.columns.items())


RECORD_ID = Column("record_id", Kind.TEXT, ID_SIZE, required=True)
CHANGE_ORDER = Column("change_order", Kind.TEXT, ORDER_SIZE, required=True)
CHANGED_AT = Column("changed_at", Kind.TIMESTAMP, required=True)
APPLIED_AT = Column("applied_at", Kind.TIMESTAMP, required=True)
BATCH = Column("batch", Kind.TEXT, NAME_SIZE, required=True)
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
    Column("change_type", Kind.TEXT, 16, required=True),
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


def current_columns(spec: ObjectSpec) -> tuple[Column, ...]:
    """`curated.<object>_current`: one row a record."""
    order = Column("last_change_order", Kind.TEXT, ORDER_SIZE, required=True)
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


LEDGER_COLUMNS = (
    Column("batch", Kind.TEXT, NAME_SIZE, required=True),
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("lane", Kind.TEXT, NAME_SIZE, required=True),
    Column("start_position", Kind.TEXT, NAME_SIZE, required=True),
    Column("end_position", Kind.TEXT, NAME_SIZE, required=True),
    Column("raw_key", Kind.TEXT, 1_024, required=True),
    Column("landed", Kind.INTEGER, required=True),
    Column("applied", Kind.INTEGER, required=True),
    Column("duplicate", Kind.INTEGER, required=True),
    Column("quarantined", Kind.INTEGER, required=True),
    Column("rebuilt", Kind.INTEGER, required=True),  # records folded again from the change log
    Column("first_changed_at", Kind.TIMESTAMP),
    Column("last_changed_at", Kind.TIMESTAMP),
    Column("first_received_at", Kind.TIMESTAMP, required=True),
    Column("last_received_at", Kind.TIMESTAMP, required=True),
    Column("committed_at", Kind.TIMESTAMP, required=True),
    Column(
        "isolated", Kind.INTEGER
    ),  # fields of applied changes that did not fit; null in rows of older releases
)
"""`ops.ledger`: a row a batch and object, in the transaction of its effects."""

EVENT_BYTES = 65_535
"""Of an event in quarantine: the longest text of Redshift."""
QUARANTINE_COLUMNS = (
    Column("batch", Kind.TEXT, NAME_SIZE, required=True),
    # place in the batch; with `batch` it names the row
    Column("ordinal", Kind.INTEGER, required=True),
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("record_id", Kind.TEXT, NAME_SIZE),
    Column("position", Kind.TEXT, NAME_SIZE, required=True),
    Column("reason", Kind.TEXT, 64, required=True),
    Column("detail", Kind.TEXT, 1_024, required=True),
    Column("event", Kind.TEXT, EVENT_BYTES, required=True),  # as in raw: JSON, PII encrypted
    Column("received_at", Kind.TIMESTAMP, required=True),
    Column("quarantined_at", Kind.TIMESTAMP, required=True),
)
"""`ops.quarantine`: a row a refused change, as it is loaded."""

RESOLUTION_COLUMNS = (
    Column("resolved_at", Kind.TIMESTAMP),
    # the batch that brought what the change did not tell
    Column("resolved_by", Kind.TEXT, NAME_SIZE),
)
"""Further columns of `ops.quarantine` and `ops.quality`; null while the row waits."""

ACKNOWLEDGEMENT_COLUMNS = (
    Column("acknowledged_at", Kind.TIMESTAMP),
    Column("acknowledged_by", Kind.TEXT, NAME_SIZE),
    Column("acknowledged_reason", Kind.TEXT, 1_024),
)
"""Further columns of both; null until an operator says that the row needs no more care."""

QUALITY_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column(
        "record_id", Kind.TEXT, NAME_SIZE, required=True
    ),  # empty: a finding about the field, not a record
    Column("field", Kind.TEXT, NAME_SIZE, required=True),  # API name
    Column("rule", Kind.TEXT, 64, required=True),  # with the three before it names the row
    Column("severity", Kind.TEXT, 16, required=True),
    Column("detail", Kind.TEXT, 1_024, required=True),
    # the newest change that broke the rule
    Column("change_order", Kind.TEXT, ORDER_SIZE, required=True),
    Column("batch", Kind.TEXT, NAME_SIZE, required=True),  # of that change
    Column("first_seen_at", Kind.TIMESTAMP, required=True),
    Column("last_seen_at", Kind.TIMESTAMP, required=True),
    Column("seen", Kind.INTEGER, required=True),  # changes that broke it
    # of `parent` and `unique`: the other record; null for other rules
    Column("target", Kind.TEXT, ID_SIZE),
    # of `parent`: a `schemas.quality.ParentState`; null for other rules
    Column("state", Kind.TEXT, 16),
)
"""`ops.quality`: a row a field of a record, or a field, that a rule named; a new breach opens a
resolved row again.
"""

CHECKED_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    # changes applied before it were looked at
    Column("checked_until", Kind.TIMESTAMP, required=True),
)
"""`ops.checked`: how far the rules `parent` and `unique` have looked at the change log of each
object.
"""

HOLD_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("batch", Kind.TEXT, NAME_SIZE, required=True),  # with `object` it names the row
    Column("reason", Kind.TEXT, 1_024, required=True),
    Column("held_at", Kind.TIMESTAMP, required=True),
    Column("released_at", Kind.TIMESTAMP),  # null: the object's batches wait
    Column("released_by", Kind.TEXT, NAME_SIZE),
    Column("released_reason", Kind.TEXT, 1_024),
)
"""`ops.hold`: a row a batch of which too many changes broke rules of severity `reject`."""

QUALITY_DAY_COLUMNS = (
    Column("day", Kind.DATE, required=True),  # UTC, of the commit into the warehouse
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("field", Kind.TEXT, NAME_SIZE, required=True),  # `*`: any field
    Column("rule", Kind.TEXT, 64, required=True),  # `fits`: every rule that is always checked
    Column("checked", Kind.INTEGER, required=True),  # changes
    Column("failed", Kind.INTEGER, required=True),
)
"""`ops.quality_day`: the scorecard's counts."""

NAMES_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("field", Kind.TEXT, NAME_SIZE, required=True),  # empty: the object's tables
    # the column, or what the tables are called by
    Column("name", Kind.TEXT, NAME_SIZE, required=True),
    Column("why", Kind.TEXT, NAME_SIZE, required=True),  # empty: it is the usual one
    Column("at", Kind.TIMESTAMP, required=True),
)
"""`ops.names`: the name of every field and object in the warehouse, written once and never changed.
"""

REREAD_COLUMNS = (
    Column("batch", Kind.TEXT, NAME_SIZE, required=True),
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("ordinal", Kind.INTEGER, required=True),  # of the row in quarantine; -1: none is there
    Column("record_id", Kind.TEXT, NAME_SIZE),  # null: records that only a query can name
    Column("cause", Kind.TEXT, 16, required=True),  # a `transforms.repair.Cause`
    # what is read must stand after this place
    Column("change_order", Kind.TEXT, ORDER_SIZE, required=True),
    # without a record: rows modified from then on; null: all of them
    Column("since_at", Kind.TIMESTAMP),
    CHANGED_AT,
    Column("attempts", Kind.INTEGER, required=True),
    Column("asked_at", Kind.TIMESTAMP, required=True),
    Column("closed_at", Kind.TIMESTAMP),  # null: still to be read
    Column("closed_by", Kind.TEXT, NAME_SIZE),
    Column("outcome", Kind.TEXT, 16),  # read, given_up
)
"""`ops.reread`: what events could not tell and must be asked for, written with the effects of their
batch.
"""

RECONCILIATION_COLUMNS = (
    Column("run", Kind.TEXT, KEY_SIZE, required=True),  # with `object` it names the row
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("window_name", Kind.TEXT, NAME_SIZE, required=True),
    Column("depth", Kind.TEXT, 16, required=True),
    Column("as_of", Kind.TIMESTAMP, required=True),  # the two sides were compared as they were then
    Column("verdict", Kind.TEXT, 64, required=True),
    Column("org_records", Kind.INTEGER),  # live, by the org's own count; null when it was not asked
    Column("warehouse_records", Kind.INTEGER),  # live
    Column("found", Kind.INTEGER, required=True),  # differences
    Column("repaired", Kind.INTEGER, required=True),
    Column(
        "altered", Kind.INTEGER, required=True
    ),  # rows that were not what the change log says; fixed from it
    Column("calls", Kind.INTEGER, required=True),  # API calls, those of the repair included
    Column("report_key", Kind.TEXT, 1_024, required=True),
    Column("began_at", Kind.TIMESTAMP, required=True),
    Column("ended_at", Kind.TIMESTAMP, required=True),
    # fields that are unknown at the end; null in rows of older releases
    Column("isolated", Kind.INTEGER),
)
"""`ops.reconciliation`: a row a run."""


DRIFT_COLUMNS = (
    Column("revision", Kind.INTEGER, required=True),  # names the row
    Column("at", Kind.TIMESTAMP, required=True),
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("field", Kind.TEXT, NAME_SIZE, required=True),
    Column("kind", Kind.TEXT, 16, required=True),
    Column("effect", Kind.TEXT, 16, required=True),
    Column("was", Kind.TEXT, NAME_SIZE, required=True),
    Column("now", Kind.TEXT, NAME_SIZE, required=True),
    # the field's entry from then on, as JSON; null: nothing changes
    Column("spec", Kind.TEXT, 4_096),
    Column("advice", Kind.TEXT, 1_024, required=True),
    Column("found_by", Kind.TEXT, NAME_SIZE, required=True),
)
"""`ops.drift`: a row a decision about a field that the org has otherwise than the catalogue; the
catalogue's changes since its file.
"""


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a table with these columns."""
    return pa.schema(
        [pa.field(column.name, column.arrow, nullable=not column.required) for column in columns]
    )
