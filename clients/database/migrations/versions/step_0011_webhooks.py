"""Webhooks, how far each has got, and the changes that its receiver did not take."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "webhook",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("records", JSONB, nullable=False),
        sa.Column("secrets", JSONB, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("because", sa.Text, nullable=False, server_default=""),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("made_at", time, nullable=False),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.Column("changed_at", time, nullable=False),
        # null: the receiver has taken nothing yet
        sa.Column("delivered_at", time),
        # null: it takes what is sent
        sa.Column("failing_since", time),
        sa.Column("failure", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "webhook_cursor",
        _webhook(),
        sa.Column("object", sa.String(80), primary_key=True),
        sa.Column("cursor", sa.String(100), nullable=False),
        sa.Column("through", time, nullable=False),
    )
    op.create_table(
        "webhook_held",
        _webhook(),
        sa.Column("object", sa.String(80), primary_key=True),
        sa.Column("cursor", sa.String(100), primary_key=True),
        sa.Column("record_id", sa.String(18), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        # null: it waits behind another change of its record
        sa.Column("failed_at", time),
        sa.Column("next_try_at", time, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        # null: it is tried again
        sa.Column("dead_at", time),
    )


def _webhook() -> sa.Column[str]:
    of = sa.ForeignKey("webhook.name", ondelete="CASCADE")
    return sa.Column("webhook", sa.String(64), of, primary_key=True)
