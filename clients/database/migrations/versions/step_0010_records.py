"""The records that a token of the HTTP API may read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column. Tokens of before read no record."""
    op.add_column("api_token", sa.Column("records", JSONB, nullable=False, server_default="{}"))
