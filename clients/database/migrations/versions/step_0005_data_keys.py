"""Fingerprints of the data keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the register."""
    op.create_table(
        "data_key",
        sa.Column("org", sa.String(18), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("made_for", sa.String(64), nullable=False, server_default=""),
    )
