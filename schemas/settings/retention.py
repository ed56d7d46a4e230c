"""Settings of retention."""

from datetime import timedelta

from pydantic import Field, model_validator

from schemas.security.retention import (
    AUDIT_YEARS,
    RAW_MONTHS,
    RUN_EVERY,
    SEAL_AFTER,
    SLICE_ROWS,
    WAREHOUSE_MONTHS,
    RetentionPolicy,
)
from schemas.settings.base import SettingsGroup


class RetentionSettings(SettingsGroup):
    """How long data is kept, and where the archive lies."""

    on: bool = True
    """True = keep a Temporal schedule that does what is due. False = remove it; `tidegate retention
    run` still works.
    """
    interval: timedelta = Field(default=RUN_EVERY, ge=timedelta(minutes=1))
    """Time between two runs."""
    archive_bucket: str | None = None
    """Bucket of the archive. It must have Object Lock. None = the name of the other bucket with
    `-archive` behind it.
    """
    raw_months: int = Field(default=RAW_MONTHS, ge=1)
    """Months that raw files are kept."""
    warehouse_months: int = Field(default=WAREHOUSE_MONTHS, ge=1)
    """Months that the change log stays in the warehouse after its month. Never fewer
    than `raw_months`.
    """
    audit_years: int = Field(default=AUDIT_YEARS, ge=1)
    """Years that archived months are locked, counted from the month's end; then they are
    deleted.
    """
    seal_after: timedelta = Field(default=SEAL_AFTER, ge=timedelta(hours=1))
    """Time after a month's end until it is exported."""
    slice_rows: int = Field(default=SLICE_ROWS, ge=1_000)
    """Rows of one archived file, about."""
    rest: float = Field(default=3.0, ge=0)
    """While a month leaves the warehouse: rest after each transaction, as a multiple of its length.
    0 = none.
    """

    @model_validator(mode="after")
    def _log_outlives_raw(self) -> "RetentionSettings":
        if self.warehouse_months < self.raw_months:
            message = (
                f"warehouse_months ({self.warehouse_months}) is less than raw_months ({self.raw_months}): a replay of raw "
                "must find its changes in the log"
            )
            raise ValueError(message)
        return self

    def policy(self) -> RetentionPolicy:
        """The part of the settings that the steps need."""
        return RetentionPolicy(**self.model_dump(include=set(RetentionPolicy.model_fields)))
