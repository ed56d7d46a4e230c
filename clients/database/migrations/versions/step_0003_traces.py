"""The trace in which a writeback was accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column."""
    op.add_column("writeback", sa.Column("traceparent", sa.CHAR(55), nullable=True))
