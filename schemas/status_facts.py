"""The answers of one look at the engine, before anything is concluded from them.

`None` in place of an answer: it could not be asked, and then it is never taken for good.
"""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, ConfigDict

from schemas.backfill import HUNG_AFTER
from schemas.deployment import DeploymentStatus
from schemas.governor import Forecast
from schemas.message import Message
from schemas.read_copy.status_facts import CopyFacts
from schemas.security.retention import RetentionPolicy
from schemas.status import RemoteStatus, RoleStatus
from schemas.writeback.status_facts import WritebackFacts


class LanePulse(Message):
    """A follower's own account, sent with each heartbeat beside its position.

    A name that is not known is passed over: while releases change, followers of both are looked at.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    at: AwareDatetime
    """Of the account, by the follower's clock."""
    step: str
    """opening, listening, reading or landing."""
    step_since: AwareDatetime
    channel: str = ""
    """The channel, or the object that is polled."""
    silence: timedelta
    """Time without a sign of life after which the follower counts as cut off."""
    heard_at: AwareDatetime | None = None
    """The org's last sign of life, keep-alives and empty polls included."""
    received_at: AwareDatetime | None = None
    """The last event or row."""
    position_at: AwareDatetime | None = None
    """Commit time of the last landed change; None: this attempt has landed none."""
    landed_at: AwareDatetime | None = None
    """When it was landed, by the follower's clock; None: as above, or an older release."""
    buffered: int = 0
    """Events received and not landed."""
    landing_since: AwareDatetime | None = None
    """Since when a batch is being landed, over all attempts of the follower; None: none is."""
    login_refused: str = ""
    """Salesforce's answer to the last login of its process; empty: it was not refused."""
    login_refused_at: AwareDatetime | None = None
    """The first refusal in a row; None: it was not refused."""


class FollowerFacts(Message):
    """A lane's activity as Temporal describes it."""

    activity: str
    state: Literal["scheduled", "started", "paused"]
    attempt: int
    scheduled_at: AwareDatetime | None = None
    """When the present attempt may begin, or could have."""
    started_at: AwareDatetime | None = None
    """Of the last attempt that a worker took."""
    heartbeat_at: AwareDatetime | None = None
    failure: str = ""
    """Of the last attempt; empty: none failed."""
    failure_code: str = ""
    """A code of `schemas.errors`, or `timeout`."""
    failed_at: AwareDatetime | None = None
    worker: str = ""
    """Identity of the process that took the last attempt."""
    position: str = ""
    """From its heartbeats."""
    pulse: LanePulse | None = None
    """None: it has told none, or is of a release that tells none."""


class LaneMemo(Message):
    """The memo of a lane workflow, which is read without a worker."""

    way: str = ""
    channel: str = ""
    """The channel, or the object that is polled."""
    paused_because: str = ""
    paused_by: str = ""
    paused_at: AwareDatetime | None = None


class LaneFacts(Message):
    """A lane workflow as Temporal describes it."""

    lane: str
    is_running: bool | None
    """None: Temporal did not say."""
    stage: str = ""
    """following or paused."""
    position: str = ""
    memo: LaneMemo = LaneMemo()
    follower: FollowerFacts | None = None
    """None: no activity is under way."""
    task_waits_since: AwareDatetime | None = None
    """A workflow task that no worker has taken; None: none waits."""
    trouble: str = ""
    """Why Temporal did not say."""


class LaneBacklog(Message):
    """Landed batches of a lane that are not applied."""

    lane: str
    batches: int
    changes: int
    oldest_at: AwareDatetime
    """Commit time of the oldest change; when its batch was landed, where that is not known."""
    objects: dict[str, AwareDatetime]
    """Object -> the same."""


class ObjectLedger(Message):
    """An object's ledger rows of the last 24 hours."""

    object: str
    landed: int
    applied: int
    duplicate: int
    quarantined: int
    imbalance: int
    """Changes by which law 8 is broken."""
    newest_change_at: AwareDatetime | None
    changes_per_minute: float = 0.0
    """Of the last ten minutes."""
    freshness_p50: timedelta | None = None
    freshness_p95: timedelta | None = None
    freshness_p99: timedelta | None = None
    freshness_max: timedelta | None = None
    """Of the slowest change of each batch of the last ten minutes."""


class LanePosition(Message):
    """The newest batch of a lane in the ledger, of the last 24 hours."""

    lane: str
    position: str
    received_at: AwareDatetime
    changed_at: AwareDatetime | None


class Reconciled(Message):
    """The last reconciliation of an object, of the last 30 days."""

    object: str
    depth: str
    as_of: AwareDatetime
    verdict: str
    found: int
    repaired: int
    altered: int
    calls: int
    isolated: int | None
    ended_at: AwareDatetime


class Refused(Message):
    """Changes in quarantine that wait, by reason."""

    reason: str
    changes: int
    oldest_at: AwareDatetime


class Hold(Message):
    """Why the batches of an object wait."""

    object: str
    reason: str
    since: AwareDatetime


class OpenFindings(Message):
    """Open quality findings of an object that nobody has acknowledged."""

    object: str
    isolated_fields: int
    isolated: int
    orphans: int
    others: int


class ArchiveStanding(Message):
    """How far a table's months are archived."""

    source: str
    last_month: str
    """The last one that is archived: 2026-11."""
    oldest_kept: str | None
    """The oldest archived month whose rows are still in the warehouse; None: none is."""


class ArchiveFacts(Message):
    """How far the archive is."""

    sources: tuple[ArchiveStanding, ...]
    since: AwareDatetime | None
    """When the warehouse's first batch was committed; None: there is none."""


class OpenRereads(Message):
    """Changes of an object that are to be read from the org again."""

    object: str
    changes: int
    windows: int
    """Whole stretches of time among them: holes in a stream."""
    oldest_at: AwareDatetime
    """When the first of them was asked for."""


class WarehouseFacts(Message):
    """The warehouse's answers. None: that question was not answered."""

    ledger: tuple[ObjectLedger, ...] | None = None
    positions: tuple[LanePosition, ...] | None = None
    holds: tuple[Hold, ...] | None = None
    quarantine: tuple[Refused, ...] | None = None
    reconciled: tuple[Reconciled, ...] | None = None
    rereads: tuple[OpenRereads, ...] | None = None
    drift: int | None = None
    """Fields about which somebody is advised to do something."""
    quality: tuple[OpenFindings, ...] | None = None
    archive: ArchiveFacts | None = None


class FailedRun(Message):
    """A run that failed within the last 24 hours and was not started again."""

    kind: str
    object: str
    name: str
    at: AwareDatetime


class RunningBackfill(Message):
    """A backfill that reads, repairs among them. One that is paused is none."""

    object: str
    name: str
    progress_at: AwareDatetime | None
    """Its last step forward: pages landed, or another stage. None: an older release began it."""


class ScheduleStanding(Message):
    """Runs by a schedule: builds of the reporting model, or exports."""

    scheduled_at: AwareDatetime | None
    """When the schedule was made. None = there is none."""
    succeeded_at: AwareDatetime | None
    """End of the last run that succeeded. None = none did within a week."""
    failed_at: AwareDatetime | None
    """End of the last run, where it failed. None = it succeeded, or there was none."""


class LookFacts(Message):
    """Every answer of one look."""

    at: AwareDatetime
    org: str
    remotes: tuple[RemoteStatus, ...]
    roles: tuple[RoleStatus, ...] | None = None
    is_versioned: bool = False
    """True = workers are versions of a Worker Deployment."""
    deployment: DeploymentStatus | None = None
    """None where it is not versioned, too."""
    lanes: tuple[LaneFacts, ...] | None = None
    backlog: tuple[LaneBacklog, ...] | None = None
    warehouse: WarehouseFacts | None = None
    copied: CopyFacts = CopyFacts()
    writebacks: WritebackFacts | None = None
    governor: Literal["running", "not started", "silent"] | None = None
    forecasts: tuple[Forecast, ...] = ()
    failed_runs: tuple[FailedRun, ...] | None = None
    stuck_erasures: tuple[FailedRun, ...] | None = None
    """Erasures that wait for an operator, have failed, or have run for a day."""
    backfills: tuple[RunningBackfill, ...] | None = None
    hung_after: timedelta = HUNG_AFTER
    """A backfill without a step forward for so long hangs."""
    configured: tuple[tuple[str, str, str], ...] = ()
    """Lanes of the settings: name, way, channel or object. Empty under the planner."""
    reconcile_period: timedelta | None = None
    """Between two reconciliations of an object; None: none are scheduled."""
    objects: tuple[str, ...] = ()
    """Of the catalogue."""
    retention: RetentionPolicy | None = None  # none is scheduled
    model: ScheduleStanding | None = None
    """None where no builds of the model are scheduled, too."""
    model_interval: timedelta | None = None
    """Between two builds of the reporting model; None: none are scheduled."""
    export: ScheduleStanding | None = None  # as `model`
    export_interval: timedelta | None = None  # as `model_interval`
