"""The writeback store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "writeback",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("key_field", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column(
            "record",
            sa.Text(),
            sa.Computed("object || '.' || key_field || '=' || lower(external_id)", persisted=True),
            nullable=True,
        ),
        sa.Column("fields", JSONB(), nullable=False),
        sa.Column("deadline", _TIME, nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("may_create", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("only_if", JSONB(), nullable=True),
        sa.Column("unchanged_since", _TIME, nullable=True),
        sa.Column("parents", ARRAY(sa.Text()), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", _TIME, nullable=False),
        sa.Column("batch", sa.String(length=255), nullable=True),
        sa.Column("code", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("record_id", sa.String(length=18), nullable=True),
        sa.Column("created", sa.Boolean(), nullable=True),
        sa.Column("foreign_at", _TIME, nullable=True),
        sa.Column("replaced", JSONB(), nullable=True),
        sa.Column("accepted_at", _TIME, nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("done_at", _TIME, nullable=True),
        sa.Column("echoed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("caller", "key", name="writeback_of_a_key"),
    )
    op.create_index("writeback_by_state", "writeback", ["object", "state", "number"], unique=False)
    op.create_index("writeback_of_a_batch", "writeback", ["batch"], unique=False)
    op.create_index("writeback_of_a_record", "writeback", ["record", "number"], unique=False)
    op.create_index(
        "writeback_on_its_way",
        "writeback",
        ["record", "number"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'open')"),
    )
    op.create_table(
        "writeback_attempt",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.String(length=255), nullable=False),
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("sent", JSONB(), nullable=False),
        sa.Column("before", JSONB(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("record_id", sa.String(length=18), nullable=True),
        sa.Column("looked_up", sa.Boolean(), nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("known_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", "attempt"),
    )
    op.create_index("writeback_attempt_of_a_batch", "writeback_attempt", ["batch", "number"], unique=False)
    op.create_table(
        "writeback_batch",
        sa.Column("batch", sa.String(length=255), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("carrier", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("formed_at", _TIME, nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("job", sa.String(length=18), nullable=True),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("again", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dead", sa.Integer(), server_default="0", nullable=False),
        sa.Column("superseded", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("batch"),
    )
    op.create_index(op.f("ix_writeback_batch_first"), "writeback_batch", ["first"], unique=False)
    op.create_index(
        "writeback_batch_open",
        "writeback_batch",
        ["object"],
        unique=False,
        postgresql_where=sa.text("state != 'closed'"),
    )
    op.create_table(
        "writeback_claim",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("batch", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(op.f("ix_writeback_claim_batch"), "writeback_claim", ["batch"], unique=False)
    op.create_table(
        "writeback_pause",
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("drains_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("object"),
    )
