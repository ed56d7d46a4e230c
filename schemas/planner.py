"""How each object is followed and at what cost: a plan, what it is made from, and the planner's
messages and state.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from schemas.governor import Budget
from schemas.ids import ORIGIN
from schemas.message import Message
from schemas.security.words import Words


class Way(StrEnum):
    """How an object's changes come."""

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
    """The inputs of a plan."""

    loads: tuple[ObjectLoad, ...]
    may_spend: dict[Budget, float]
    """Tokens that following may spend of each budget in 24 hours; a budget that is missing is
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
    """Why this way and not the other, in a sentence."""


class Plan(Message):
    """Every object's way; objects in the order of the task."""

    objects: tuple[ObjectPlan, ...]
    fits: bool
    """True when every object meets the goal within every budget."""
    problems: tuple[str, ...] = ()
    """The goals that do not fit, in plain sentences that end with what would help."""


HAND_OVER_OVERLAP = timedelta(seconds=60)
"""How far the two lanes of a hand-over overlap: for transactions that commit in another order than
they reach the bus.
"""


class Following(StrEnum):
    """Where an object is between its two ways."""

    STREAM = "stream"
    TO_POLL = "to_poll"
    POLL = "poll"
    TO_STREAM = "to_stream"

    @property
    def way(self) -> Way:
        """The way that the object goes, or is going over to."""
        return Way.STREAM if self in (Following.STREAM, Following.TO_STREAM) else Way.POLL

    @property
    def is_move(self) -> bool:
        """True while both lanes are at work."""
        return self in (Following.TO_POLL, Following.TO_STREAM)


class FollowedObject(Message):
    """An object and its two lanes."""

    object: str
    lane: str
    """Of its stream."""
    poll_lane: str
    channel: str


class ObjectState(Message):
    """One object's state, carried from run to run. Each step of a hand-over may be done twice."""

    followed: FollowedObject
    following: Following
    since: datetime
    why: str
    followed_since: datetime
    """Before it, nothing of the object was followed."""
    every: timedelta | None = None
    """The interval sent to the polled lane last; None = nothing was sent yet."""
    is_found: bool = False
    """Its lanes were there before the planner, in a state that it does not know: a hand-over is not
    called off.
    """
    asked: bool = False
    """In a hand-over: the other lane has been started."""
    start_at: datetime | None = None
    """To polling: from when on the polled lane reads. None until it is known."""
    mark: str = ORIGIN
    """To the stream: the end of its chain at the beginning of the hand-over. The batch that starts
    here is the first new one.
    """
    joined_at: datetime | None = None
    """To the stream: what was committed later comes by it. None until its first batch is applied.
    """


class PlannerInput(Message):
    """The input of a planner, carried from run to run."""

    org: str
    goal: timedelta = timedelta(seconds=120)
    pins: dict[str, Way] = Field(default_factory=dict)
    plan_every: timedelta = timedelta(minutes=1)
    look_every: timedelta = timedelta(seconds=5)
    """Between two looks at the lanes."""
    overlap: timedelta = HAND_OVER_OVERLAP
    states: tuple[ObjectState, ...] = ()
    no_streams_until: datetime | None = None
    """The org or the governor has refused deliveries: no object moves to a stream before."""


class DrawPlanInput(Message):
    """The planner's knowledge that the activity does not have."""

    org: str
    goal: timedelta
    pins: dict[str, Way]
    previous: dict[str, Way]
    no_streams: bool = False
    """Deliveries are refused at present."""


class PlanResult(Message):
    """A plan with what it was made from, or why there is none."""

    at: datetime
    followed: tuple[FollowedObject, ...] = ()
    plan: Plan | None = None
    task: PlanTask | None = None
    maximums: dict[Budget, int] = Field(default_factory=dict)
    """The org's limits for all applications together."""
    trouble: str = ""
    """The reason why there is no plan."""


class LanePoint(Message):
    """The facts to find out about an object's lanes."""

    followed: FollowedObject
    mark: str | None = None
    """Look for the stream's batch that starts here; None: do not."""


class WatchLanesInput(Message):
    """Look at lanes until something is worth telling."""

    org: str
    points: tuple[LanePoint, ...]
    wait: timedelta
    """At most; 0 looks once."""
    every: timedelta
    overlap: timedelta = HAND_OVER_OVERLAP
    known: tuple[str, ...] = ()
    """Objects whose streams are known to be refused: no news."""


class LaneStatus(Message):
    """One object's lanes, as they are."""

    object: str
    refused: str = ""
    """The reason why the stream is refused deliveries now; empty: it is not."""
    trouble: str = ""
    """The reason why one of the lanes has stopped by itself or was paused by somebody; empty: none
    has.
    """
    read_through: datetime | None = None
    """Every row that was last changed before has been landed by the polled lane; None: it has not
    polled since it last began.
    """
    known_through: datetime | None = None
    """Every change committed before is held by what it has landed: rows changed since and unseen
    deletions, too. None: it does not read unsettled rows.
    """
    joined_at: datetime | None = None
    """The stream's batch at the mark has been applied: changes committed later come by the stream.
    """


class WatchLanesResult(Message):
    """All that were asked for."""

    looks: tuple[LaneStatus, ...]


class LaneEndInput(Message):
    """Where a lane has come to."""

    org: str
    lane: str


class LaneEnd(Message):
    """The end of a lane."""

    exists: bool
    """False for a lane that never ran."""
    position: str
    """Of its chain."""
    last_changed_at: datetime | None
    """Commit time of the newest change of it that was applied; None: there is none."""


class PinInput(Message):
    """Bind an object to a way, or let it go."""

    object: str
    way: Way | None = None
    """Only of `pin`."""
    by: Words
    reason: Words = Field(min_length=3)


class PlannerView(Message):
    """The planner as its query shows it."""

    org: str
    drawn: PlanResult | None
    """The last plan; None before the first."""
    objects: tuple[ObjectState, ...]
    pins: dict[str, Way]
    notes: dict[str, str]
    """Object -> what its lanes wait for, or what is wrong with them."""
    trouble: str
