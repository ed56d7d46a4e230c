"""Settings of the quality rules."""

from datetime import timedelta

from pydantic import Field

from schemas.quality import LATE_PARENT_GRACE, PERSONAL_SAMPLE
from schemas.settings.base import SettingsGroup


class QualitySettings(SettingsGroup):
    """How the catalogue's rules are applied."""

    grace: timedelta = Field(default=LATE_PARENT_GRACE, ge=timedelta(0))
    """How long a parent record may be missing before it is read from the org. 0 = read it at the
    next check.
    """
    personal_sample: int = Field(default=PERSONAL_SAMPLE, ge=0)
    """Changes of an object in each batch whose clear texts are searched for personal data. 0 = none
    is.
    """
