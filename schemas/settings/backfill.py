"""Settings of backfills."""

from datetime import timedelta

from pydantic import Field

from schemas.backfill import HUNG_AFTER, PART_ROWS
from schemas.settings.base import SettingsGroup


class BackfillSettings(SettingsGroup):
    """How backfills are divided and watched."""

    part_rows: int = Field(default=PART_ROWS, ge=1)
    """Rows of a part at most: one Bulk query job, and the rows read again when that job is lost.
    Applies to new backfills.
    """
    hung_after: timedelta = Field(default=HUNG_AFTER, gt=timedelta(0))
    """Time without a step forward after which `tidegate status` says that a backfill hangs. Longer
    for an org whose queue of Bulk jobs is long.
    """
