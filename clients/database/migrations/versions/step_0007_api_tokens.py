"""Tokens of the HTTP API that are given out and withdrawn while it runs; Salesforce's words about
refused writebacks, as tokens.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table and the columns."""
    for table in ("writeback", "writeback_attempt"):
        op.add_column(table, sa.Column("words", sa.Text))
    op.create_table(
        "api_token",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("writer", postgresql.JSONB, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        # null: good until it expires
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_by", sa.String(255)),
    )
    # Two tokens in force under one name could not be distinguished in the audit log.
    op.create_index(
        "api_token_name",
        "api_token",
        ["name"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
