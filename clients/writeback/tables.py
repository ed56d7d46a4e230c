"""The tables of the writeback store. Made by the migrations in `clients/database/migrations`, which
a test holds to what is here.

Values of PII fields are in every one of them as tokens only (law 7).
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = sa.MetaData()
_TIME = sa.DateTime(timezone=True)

WRITEBACK = sa.Table(
    "writeback",
    METADATA,
    sa.Column("number", sa.BigInteger, sa.Identity(), primary_key=True),  # the order of acceptance
    sa.Column("caller", sa.String(255), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),  # SHA-256 of what was asked, hex
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("key_field", sa.String(80), nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    # What it is locked by: Case.ExternalId__c=c-1. Upserts match external ids in any case
    sa.Column(
        "record",
        sa.Text,
        sa.Computed("object || '.' || key_field || '=' || lower(external_id)", persisted=True),
    ),
    sa.Column("fields", JSONB, nullable=False),
    sa.Column("deadline", _TIME, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("may_create", sa.Boolean, nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("only_if", JSONB),
    sa.Column("unchanged_since", _TIME),
    # what is locked in the org while it is written
    sa.Column("parents", ARRAY(sa.Text), nullable=False),
    sa.Column("undoes", sa.BigInteger),  # the writeback whose values it brings back
    # From when on a change in Salesforce is newer than it; null: from its acceptance
    sa.Column("guarded_from", _TIME),
    sa.Column("retried_at", _TIME),  # when an operator last had it tried again
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),  # rows of writeback_attempt
    sa.Column("not_before", _TIME, nullable=False),
    sa.Column("batch", sa.String(255)),  # the batch that it is in, or was in last
    sa.Column("code", sa.String(80)),  # of the last problem: Salesforce's, or ours in lower case
    sa.Column("reason", sa.Text),
    sa.Column("words", sa.Text),  # Salesforce's own about the last problem, as a token
    sa.Column("record_id", sa.String(18)),
    sa.Column("created", sa.Boolean),
    # The latest time at which somebody else may have changed the record before it was written
    sa.Column("foreign_at", _TIME),
    # the record's values before; null: not read, or there was no record
    sa.Column("replaced", JSONB),
    sa.Column("accepted_at", _TIME, nullable=False),
    sa.Column("sent_at", _TIME),
    sa.Column("done_at", _TIME),
    sa.Column("echoed_at", _TIME),  # when its change came back
    # W3C traceparent of the span that accepted it, or of its caller; null: there was none
    sa.Column("traceparent", sa.CHAR(55)),
    # the erasure that took its values; null: they are there
    sa.Column("erased_by", sa.String(255)),
    sa.UniqueConstraint("caller", "key", name="writeback_of_a_key"),
)
sa.Index(
    "writeback_on_its_way",
    WRITEBACK.c.record,
    WRITEBACK.c.number,
    postgresql_where=WRITEBACK.c.state.in_(["waiting", "open"]),
)
sa.Index("writeback_of_a_batch", WRITEBACK.c.batch)
sa.Index("writeback_of_a_record", WRITEBACK.c.record, WRITEBACK.c.number)
sa.Index("writeback_by_state", WRITEBACK.c.object, WRITEBACK.c.state, WRITEBACK.c.number)
sa.Index("writeback_of_a_record_id", WRITEBACK.c.record_id)
sa.Index("writeback_by_end", WRITEBACK.c.done_at)
sa.Index("writeback_that_undoes", WRITEBACK.c.undoes, postgresql_where=WRITEBACK.c.undoes.is_not(None))
sa.Index(
    "writeback_without_echo",
    WRITEBACK.c.object,
    WRITEBACK.c.done_at,
    postgresql_where=(WRITEBACK.c.state == "done") & WRITEBACK.c.echoed_at.is_(None),
)

WRITEBACK_BATCH = sa.Table(
    "writeback_batch",
    METADATA,
    sa.Column("batch", sa.String(255), primary_key=True),
    sa.Column(
        "first", sa.BigInteger, nullable=False, index=True
    ),  # its first writeback, after which it is named
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("carrier", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),  # entries
    sa.Column("formed_at", _TIME, nullable=False),
    sa.Column("sent_at", _TIME),  # by the org's clock, before the call
    sa.Column("closed_at", _TIME),
    sa.Column("calls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("job", sa.String(18)),  # of an ingest job
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("again", sa.Integer, nullable=False, server_default="0"),
    sa.Column("held", sa.Integer, nullable=False, server_default="0"),
    sa.Column("dead", sa.Integer, nullable=False, server_default="0"),
    sa.Column("superseded", sa.Integer, nullable=False, server_default="0"),
)
sa.Index(
    "writeback_batch_open",
    WRITEBACK_BATCH.c.object,
    postgresql_where=WRITEBACK_BATCH.c.state != "closed",
)
sa.Index("writeback_batch_formed", WRITEBACK_BATCH.c.object, WRITEBACK_BATCH.c.formed_at)

WRITEBACK_CLAIM = sa.Table(
    "writeback_claim",
    METADATA,
    # A record or a parent of an open batch. The key forbids a second open batch with it.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("batch", sa.String(255), nullable=False, index=True),
)

WRITEBACK_PAUSE = sa.Table(
    "writeback_pause",
    METADATA,
    sa.Column("object", sa.String(80), primary_key=True),  # "*": the whole org
    sa.Column("by", sa.String(255), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", _TIME, nullable=False),
    # not null: what was accepted up to this number still goes
    sa.Column("drains_to", sa.BigInteger),
)

WRITEBACK_ATTEMPT = sa.Table(
    "writeback_attempt",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.String(255), nullable=False),
    sa.Column("caller", sa.String(255), nullable=False),
    sa.Column("sent", JSONB, nullable=False),
    sa.Column("before", JSONB),
    sa.Column("outcome", sa.String(16), nullable=False),  # the state that it led to
    sa.Column("code", sa.String(80)),
    sa.Column("reason", sa.Text),
    sa.Column("words", sa.Text),  # as in `writeback`
    sa.Column("record_id", sa.String(18)),
    sa.Column("looked_up", sa.Boolean, nullable=False),  # the outcome was not in an answer
    sa.Column("sent_at", _TIME),
    sa.Column("known_at", _TIME, nullable=False),
    # Of `values_digest`; null: the values were erased, or the attempt has no digest
    sa.Column("salt", sa.String(64)),
    # HMAC of sent, before and reason, hex: what the seal of the batch stands on
    sa.Column("values_digest", sa.String(64)),
    # the erasure that took the values; null: they are there
    sa.Column("erased_by", sa.String(255)),
)
ERASURE = sa.Table(
    "erasure",
    METADATA,
    sa.Column("name", sa.String(255), primary_key=True),
    # of the run: the same records may be erased again
    sa.Column("began_at", _TIME, primary_key=True),
    sa.Column("ended_at", _TIME, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the certificate, hex
    sa.Column("certificate", JSONB, nullable=False),
)
sa.Index("writeback_attempt_of_a_batch", WRITEBACK_ATTEMPT.c.batch, WRITEBACK_ATTEMPT.c.number)
