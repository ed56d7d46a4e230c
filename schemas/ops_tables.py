"""The columns of the tables of `ops`: what the engine keeps about its own work."""

from schemas.tables import CHANGED_AT, ID_SIZE, KEY_SIZE, NAME_SIZE, ORDER_SIZE, Column, Kind

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
COMMIT_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),  # with `number` it names the row
    Column("number", Kind.INTEGER, required=True),  # 1, 2, 3 … of the object, without a gap
    # of every change of the commit in the change log; later than that of the commit before it
    Column("applied_at", Kind.TIMESTAMP, required=True),
    Column("changes", Kind.INTEGER, required=True),
)
"""`ops.object_commit`: a row a transaction that brought an object new changes, in the order in
which they were committed.
"""
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
ERASED_COLUMNS = (
    Column("record_id", Kind.TEXT, ID_SIZE, required=True),  # names the row
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("erasure", Kind.TEXT, NAME_SIZE, required=True),  # tidegate erase show
    Column("erased_at", Kind.TIMESTAMP, required=True),
)
"""`ops.erased`: a row a record whose values were erased, and are written nowhere any more."""
COPIED_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),  # names the row
    # that the object's tables begin with
    Column("table_name", Kind.TEXT, NAME_SIZE, required=True),
    Column("began_at", Kind.TIMESTAMP, required=True),  # of the last fill
    # the last record that this fill has brought
    Column("after", Kind.TEXT, ID_SIZE, required=True),
    Column("records", Kind.INTEGER, required=True),  # that this fill has brought
    Column("filled_at", Kind.TIMESTAMP),  # null: before the end of the first fill
    Column("checked_at", Kind.TIMESTAMP),  # last comparison with the warehouse
    # how it differs from the warehouse; null: it does not, as far as is known
    Column("differs", Kind.TEXT, 1_024),
)
"""`ops.copied` of the read copy: a row an object. It may be read once it is filled and while it
does not differ.
"""
NAMES_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("field", Kind.TEXT, NAME_SIZE, required=True),  # empty: the object's tables
    # the column, or what the tables are called by
    Column("name", Kind.TEXT, NAME_SIZE, required=True),
    Column("why", Kind.TEXT, NAME_SIZE, required=True),  # empty: it is the usual one
    Column("at", Kind.TIMESTAMP, required=True),
)
"""`ops.names`: the name of every field and object in the warehouse, written once and never
changed.
"""
TOKEN_KEY_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),  # names the row
    # the data key of the tokens in current and history
    Column("key_id", Kind.TEXT, KEY_SIZE, required=True),
    Column("since", Kind.TIMESTAMP, required=True),
)
"""`ops.token_key`: under which data key an object's curated tables hold their tokens. One key at a
time, so that equal values of a personal field have equal tokens, also during a rotation.
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
"""`ops.reread`: what events could not tell and must be asked for, written with the effects of
their batch.
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
    ),  # rows that did not follow from the change log; repaired from it
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
ARCHIVE_COLUMNS = (
    Column("source", Kind.TEXT, NAME_SIZE, required=True),  # the table: audit.case_change
    Column("month", Kind.TEXT, 7, required=True),  # 2026-11; with `source` it names the row
    Column("state", Kind.TEXT, 16, required=True),  # a `schemas.security.retention.MonthState`
    Column("row_count", Kind.INTEGER, required=True),
    Column("file_count", Kind.INTEGER, required=True),
    Column("byte_count", Kind.INTEGER, required=True),
    Column("manifest_key", Kind.TEXT, 1_024, required=True),  # in the archive's bucket
    Column("manifest_sha256", Kind.TEXT, 64, required=True),
    Column("locked_until", Kind.TIMESTAMP, required=True),
    Column("archived_at", Kind.TIMESTAMP, required=True),
    Column("verified_at", Kind.TIMESTAMP),  # read back and found equal to the table; null: not yet
    Column("dropped_at", Kind.TIMESTAMP),  # its rows have left the table; null: they are there
    Column("expired_at", Kind.TIMESTAMP),  # its files were deleted; null: they are there
)
"""`ops.archive`: a row a month of a table that was sealed and exported."""
REFOLD_COLUMNS = (
    Column("object", Kind.TEXT, NAME_SIZE, required=True),
    Column("record_id", Kind.TEXT, ID_SIZE, required=True),
    Column("asked_at", Kind.TIMESTAMP, required=True),
)
"""`ops.refold`: records with a change that is older than the base of its record. They are folded
again with what the archive has of them.
"""
