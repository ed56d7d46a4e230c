"""Retry and undo writebacks; find those whose change has not come back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and indexes."""
    op.add_column("writeback", sa.Column("guarded_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("writeback", sa.Column("retried_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("writeback_of_a_record_id", "writeback", ["record_id"], unique=False)
    op.create_index("writeback_by_end", "writeback", ["done_at"], unique=False)
    op.create_index(
        "writeback_that_undoes",
        "writeback",
        ["undoes"],
        unique=False,
        postgresql_where=sa.text("undoes IS NOT NULL"),
    )
    op.create_index(
        "writeback_without_echo",
        "writeback",
        ["object", "done_at"],
        unique=False,
        postgresql_where=sa.text("state = 'done' AND echoed_at IS NULL"),
    )
