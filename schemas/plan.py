"""Plan of how each object is followed, and its cost: the planner's input and output."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from schemas.governor import Budget
from schemas.message import Message


class Way(StrEnum):
    """Follow mode of an object: by events or by queries."""

    STREAM = "stream"
    """By events; each delivery is billed."""
    POLL = "poll"
    """By queries; each page and job is billed."""


class Transport(StrEnum):
    """How a polled object is read."""

    REST = "rest"
    BULK = "bulk"


class ObjectLoad(Message):
    """One object's changes, as measured or assumed."""

    object: str
    changes_per_day: float = Field(ge=0)
    """Over the coming 24 hours."""
    changes_per_minute: float = Field(ge=0)
    """At the busiest: what freshness is planned for."""
    bytes_per_row: float = Field(default=2_000, gt=0)
    """Of a row in a query's result."""
    can_stream: bool = True
    """False when no lane of its own could stream it."""


class PlanTask(Message):
    """The input of a plan."""

    loads: tuple[ObjectLoad, ...]
    may_spend: dict[Budget, float]
    """Spendable tokens of each budget for following, in 24 hours; a budget that is missing is
    unlimited.
    """
    freshness_goal: timedelta = timedelta(seconds=120)
    """From commit in Salesforce to the curated table, for 95 of 100 changes."""
    pins: dict[str, Way] = Field(default_factory=dict)
    """Object -> the way that an operator wants, whatever it costs."""
    previous: dict[str, Way] = Field(default_factory=dict)
    """Object -> the way it goes now: a move must be worth it."""


class ObjectPlan(Message):
    """One object's way."""

    object: str
    way: Way
    transport: Transport | None = None
    """None for a stream."""
    every: timedelta | None = None
    """Between two polls; None for a stream."""
    freshness: timedelta
    """Expected, for 95 of 100 changes."""
    spends: dict[Budget, float]
    """In 24 hours."""
    reason: str
    """The reason for this way, in a sentence."""


class Plan(Message):
    """Every object's way; objects in the order of the task."""

    objects: tuple[ObjectPlan, ...]
    fits: bool
    """True when every object meets the goal within every budget."""
    problems: tuple[str, ...] = ()
    """Goals that are missed, in plain sentences that end with a remedy."""
