"""The engine's status at one moment, as the command, the API, the metrics and the console show it.

One look fills it (`workers/status`). Unknown is a state of its own and never counts as good. A
problem has a stable name, which is also its anchor in docs/runbook.md and its label in alerts.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, Field

from schemas.message import Message

LOOK_SECONDS: Final = 2.0
"""Time for one question of a look. What has not answered by then is unknown."""
FRESHNESS_TARGET: Final = timedelta(minutes=2)
"""From the commit in Salesforce to the curated row."""
WRITEBACK_TARGET: Final = timedelta(minutes=5)
"""From acceptance to the effect in Salesforce, for 99 % of writebacks."""


class Health(StrEnum):
    """Whether a remote or a role does its work."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    """It could not be asked."""


class Severity(StrEnum):
    """How soon somebody is needed. The worst first."""

    PAGE = "page"
    """Now: freshness, writebacks or the proof are in danger."""
    TICKET = "ticket"
    """Within the working day."""
    NOTICE = "notice"
    """Nobody has to act; it explains what is seen."""


class LaneState(StrEnum):
    """Whether a lane follows the org."""

    FOLLOWING = "following"
    """Heard from the org within the keep-alive time, and changes came lately."""
    QUIET = "quiet"
    """Heard from the org within the keep-alive time; there is nothing new."""
    WAITING = "waiting"
    """For tokens of a budget; it goes on by itself at `next_try_at`."""
    STALLED = "stalled"
    """It should follow, and does not: tried again at `next_try_at`."""
    PAUSED = "paused"
    """Somebody paused it, or an error that trying again cannot help."""
    NOT_STARTED = "not started"
    UNKNOWN = "unknown"


class RemoteStatus(Message):
    """A remote system as this process reaches it."""

    name: str
    """salesforce, temporal, warehouse, operational, s3 or kms, as `tidegate doctor` says; read_copy
    where there is one.
    """
    health: Health
    detail: str = ""
    """Why it is down or unknown; empty when it is up."""
    since: AwareDatetime | None = None
    """When this process first found it so; None: at its first look."""
    missed: int = 0
    """Looks in a row that it did not answer. One alone may be a moment's pause."""
    took: timedelta | None = None
    """Of the question; None: it was not answered."""


class QueueStatus(Message):
    """A task queue of the engine."""

    queue: str
    kind: str
    """workflow or activity."""
    pollers: int
    """Processes that asked for work within the last minute."""
    versions: dict[str, int] = Field(default={})
    """The same by version, as `DEPLOYMENT:BUILD_ID`; empty = workers without a version."""
    polled_at: AwareDatetime | None
    """The last time that any asked; None: nobody did in the time that the server remembers."""
    backlog: int
    """Tasks that no process has taken."""
    oldest: timedelta
    """Age of the oldest of them; zero when there is none."""


class RoleStatus(Message):
    """The processes of one worker role."""

    role: str
    """lanes, batches, backfill or writebacks."""
    health: Health
    """Down when one of its queues has no poller."""
    queues: tuple[QueueStatus, ...] = ()
    since: AwareDatetime | None = None
    """The last poll of a role that is down; None when it is up, or never polled."""


class LaneStatus(Message):
    """A lane, and how far it is."""

    lane: str
    state: LaneState
    channel: str = ""
    """The channel, or the object that is polled."""
    way: str = "stream"
    """stream or poll."""
    because: str = ""
    """Why it is stalled, waiting or paused, and what to do."""
    by: str = ""
    """Who paused it; empty: nobody, it paused itself."""
    since: AwareDatetime | None = None
    """Since when it is stalled, waiting or paused; None: not known, or not so."""
    next_try_at: AwareDatetime | None = None
    heard_at: AwareDatetime | None = None
    """The org's last sign of life, keep-alives included; None: none since the follower started."""
    received_at: AwareDatetime | None = None
    """The last event or row."""
    position: str = ""
    """End of the last landed batch."""
    position_at: AwareDatetime | None = None
    """Commit time of the last landed change: the event bus keeps 72 hours."""
    landed_at: AwareDatetime | None = None
    """When its follower landed that, by the follower's clock; None: not known."""
    unapplied_batches: int | None = None
    """Landed batches that the ledger lacks; None: not known."""
    unapplied_changes: int | None = None
    oldest_unapplied_at: AwareDatetime | None = None
    """Commit time of the oldest landed change that is not applied; None: none, or not known."""


class ObjectStatus(Message):
    """An object's freshness."""

    object: str
    changes_per_minute: float | None = None
    freshness_p50: timedelta | None = None
    """Commit to curated, of the slowest change of each recent batch; None: no recent batch."""
    freshness_p95: timedelta | None = None
    """The same of 95 % of these batches. None in a report of an older release, too."""
    freshness_p99: timedelta | None = None
    freshness_max: timedelta | None = None
    newest_change_at: AwareDatetime | None = None
    oldest_unapplied_at: AwareDatetime | None = None
    """Commit time of the oldest change that is landed and not applied: freshness of what waits."""
    held: str = ""
    """Why its batches wait; empty: they do not."""


class Problem(Message):
    """Something that somebody may have to act on."""

    code: str
    """Stable, as `lane.stalled`. docs/runbook.md has a section for it."""
    severity: Severity
    subject: str
    """Lane, object, role, remote or budget that it is about; empty: the whole engine."""
    text: str
    """The finding, in one sentence."""
    remedy: str
    """A command, or a sentence."""
    since: AwareDatetime | None = None


class WritebackTotals(Message):
    """Writebacks of all objects as they stand now."""

    waiting: int
    held: int
    dead: int
    oldest_waiting_at: AwareDatetime | None = None


class BudgetUse(Message):
    """How much of a limit of the org is used, by everybody, in 24 hours."""

    budget: str
    used: int
    maximum: int


class EngineStatus(Message):
    """One look."""

    at: AwareDatetime
    org: str
    remotes: tuple[RemoteStatus, ...]
    roles: tuple[RoleStatus, ...]
    lanes: tuple[LaneStatus, ...]
    objects: tuple[ObjectStatus, ...]
    problems: tuple[Problem, ...]
    """The worst first."""
    unknown: tuple[str, ...] = ()
    """Parts that could not be asked, as `objects`: what they would say is missing, not good."""
    took: timedelta = timedelta(0)
    writebacks: WritebackTotals | None = None
    """None: the operational store did not answer."""
    budgets: tuple[BudgetUse, ...] | None = None
    """Of the limits that the org was asked for. None: no governor answers."""
