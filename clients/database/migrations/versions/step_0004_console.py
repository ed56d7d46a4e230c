"""Sessions of the console that were ended before their time."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the list."""
    op.create_table(
        "console_session_ended",
        sa.Column("session", sa.String(64), primary_key=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        # after it the session's own signature is out of date, and the row is of no use
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
