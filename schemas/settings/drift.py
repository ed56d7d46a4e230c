"""Settings of the schema watch."""

from datetime import timedelta

from pydantic import Field

from schemas.catalogue import Pii
from schemas.drift import CHECK_EVERY, REFRESH_EVERY, DriftPolicy
from schemas.settings.base import SettingsGroup, renamed


class DriftSettings(SettingsGroup):
    """How changes of the org's schema are found and handled."""

    on: bool = True
    """True = keep Temporal schedules for checks and refreshes. False = remove them; `tidegate drift
    --check` still works.
    """
    interval: timedelta = Field(
        default=CHECK_EVERY, ge=timedelta(seconds=1), validation_alias=renamed("interval", old="every")
    )
    """Time between two checks. Each costs one API call while nothing changes."""
    add: bool = True
    """True = keep new fields. False = report them only."""
    add_calculated: bool = False
    """True = also keep new calculated fields, and refresh them. False = report them only."""
    pii: Pii = Pii.PERSONAL
    """How a new field is treated until the catalogue file classifies it. `none` stores it in
    plaintext.
    """
    redrive: bool = True
    """True = re-drive quarantined changes once the field they need was added. False = wait for
    `tidegate quarantine redrive`.
    """
    refresh_interval: timedelta = Field(
        default=REFRESH_EVERY,
        ge=timedelta(minutes=1),
        validation_alias=renamed("refresh_interval", old="refresh_every"),
    )
    """Time between two refreshes of an object's calculated fields."""

    def policy(self) -> DriftPolicy:
        """The part of the settings that a check needs."""
        return DriftPolicy(add=self.add, add_calculated=self.add_calculated, pii=self.pii)
