"""Settings of the planner."""

from datetime import timedelta

from pydantic import Field

from schemas.planner import HAND_OVER_OVERLAP, Way
from schemas.settings.base import SettingsGroup
from schemas.settings.ingest import StreamTransport


class PlannerSettings(SettingsGroup):
    """Who decides whether an object is streamed or polled."""

    on: bool = False
    """True = the planner starts and steers the lanes of every object, and `LANES` is not started.
    False = `LANES` alone.
    """
    goal: timedelta = Field(default=timedelta(seconds=120), gt=timedelta(0))
    """Time from commit in Salesforce to the curated table, for 95 of 100 changes. Shorter costs
    more API calls.
    """
    pins: dict[str, Way] = Field(default={})
    """Object -> `stream` or `poll`, whatever it costs. Read when the planner first starts; later
    use its `pin` update.
    """
    overlap: timedelta = Field(default=HAND_OVER_OVERLAP, gt=timedelta(0))
    """How long both lanes of a handover receive the same changes."""
    transport: StreamTransport = "pubsub"
    """Protocol of the streams that the planner starts."""
