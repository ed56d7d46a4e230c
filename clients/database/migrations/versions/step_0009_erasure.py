"""Attempts whose values can go while their seals hold, and the certificates of erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns and the table. Attempts of before keep their seals over values."""
    op.add_column("writeback_attempt", sa.Column("salt", sa.String(64), nullable=True))
    op.add_column("writeback_attempt", sa.Column("values_digest", sa.String(64), nullable=True))
    op.add_column("writeback_attempt", sa.Column("erased_by", sa.String(255), nullable=True))
    op.add_column("writeback", sa.Column("erased_by", sa.String(255), nullable=True))
    op.create_table(
        "erasure",
        sa.Column("name", sa.String(255), primary_key=True),
        # of the run: the same records may be erased again
        sa.Column("began_at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("certificate", JSONB, nullable=False),
    )
