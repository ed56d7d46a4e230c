"""Settings of backfills."""

from pydantic import Field

from schemas.backfill import PART_ROWS
from schemas.settings.base import SettingsGroup


class BackfillSettings(SettingsGroup):
    """How backfills are divided."""

    part_rows: int = Field(default=PART_ROWS, ge=1)
    """Rows of a part at most: one Bulk query job, and the rows read again when that job is lost.
    Applies to new backfills.
    """
