"""Settings of scheduled reconciliations."""

from datetime import timedelta

from pydantic import Field

from schemas.reconcile import SETTLE
from schemas.salesforce.limits import PK_CHUNK_MAX
from schemas.settings.base import SettingsGroup, renamed


class ReconciliationSettings(SettingsGroup):
    """How often the warehouse is compared with the org on a schedule."""

    on: bool = False
    """True = keep Temporal schedules for every object of the catalogue. False = remove them."""
    buckets_interval: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(minutes=1),
        validation_alias=renamed("buckets_interval", old="buckets_every"),
    )
    """Time between two comparisons of an object's aggregates. One costs one API call while nothing
    differs.
    """
    ids_interval: timedelta = Field(
        default=timedelta(days=7),
        ge=timedelta(hours=1),
        validation_alias=renamed("ids_interval", old="ids_every"),
    )
    """Time between two comparisons of every record's ID and time of change. They also check the
    curated rows against the change log.
    """
    comparison_delay: timedelta = Field(
        default=SETTLE, ge=timedelta(0), validation_alias=renamed("comparison_delay", old="settle")
    )
    """Time that a lane has to deliver a change. A difference counts only when it is older. 0 =
    every difference counts.
    """
    page_rows: int = Field(default=PK_CHUNK_MAX, ge=1)
    """Rows in a page of IDs and times. Lower it when a page takes longer than 20 seconds."""
