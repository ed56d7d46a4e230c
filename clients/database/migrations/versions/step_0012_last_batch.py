"""An index to find when an object's last batch of writebacks was formed."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the index."""
    op.create_index("writeback_batch_formed", "writeback_batch", ["object", "formed_at"])
