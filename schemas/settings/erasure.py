"""Settings of erasures."""

from datetime import timedelta

from pydantic import Field

from schemas.security.erasure import GRACE, HEARD_EVERY
from schemas.settings.base import SettingsGroup


class ErasureSettings(SettingsGroup):
    """How values of erased records are taken out of the stores."""

    grace: timedelta = Field(default=GRACE, ge=2 * HEARD_EVERY, le=timedelta(hours=1))
    """How long to wait between two passes. Every process reads the list of erased records each 5
    seconds; what was under way before lands in this time.
    """
    rewrite_tables: bool = False
    """True = rewrite the touched tables after an erasure (VACUUM FULL), so that no page of the
    warehouse keeps old bytes. Each is locked meanwhile: appliers wait. False = VACUUM: the space is
    used again, and bytes stay on disk until it is.
    """
