"""Keys of the people whose values are archived: to destroy one makes its archived values
unreadable.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0004"


def upgrade() -> None:
    """Add the keys, and the key that wraps them."""
    op.create_table(
        "subject_wrapping_key",
        sa.Column("org", sa.String(18), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "subject_key",
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("generation", sa.SmallInteger, primary_key=True, autoincrement=False),
        # null: the key was destroyed, and the row is the proof of it
        sa.Column("wrapped", sa.LargeBinary, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
    )
