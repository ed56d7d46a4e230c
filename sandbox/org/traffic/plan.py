"""How much traffic, for how long, of which kind."""

from pydantic import BaseModel, ConfigDict, Field


class TrafficPlan(BaseModel):
    """One run. The same plan makes the same choices on the same records."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_per_minute: int = Field(default=12_000, ge=1, le=1_000_000)
    """Changes a minute; a merged event with ten records is ten."""
    seconds: float = Field(default=60, gt=0, le=86_400)
    seed: int = 1
    merged: float = Field(default=0.02, ge=0, le=1)
    """Share of the events that merge the same change to 5 to 20 records."""
    diffs: float = Field(default=0.005, ge=0, le=1)
    """Share of the events that carry a long text as a diff."""
    bursts: float = Field(default=0, ge=0, le=1)
    """How far the rate swings about its mean, in waves of ten seconds: 0 is even, 1 swings from
    nothing to double.
    """

    old_share: float = Field(default=0, ge=0, le=1)
    """How often a scene that changes, deletes or refers to a record takes one of those that were
    there before the run, all of them with the same chance, however many they are; otherwise it
    takes one that the run has made. 0: one of the youngest 200,000 that were there, or one that
    the run has made, the young or the hot ones the most often.
    """

    @property
    def target(self) -> int:
        """Changes in all."""
        return round(self.rate_per_minute * self.seconds / 60)
