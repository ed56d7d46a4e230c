"""A lane's true state, from what Temporal knows of its workflow and what its follower tells.

The follower's pulse distinguishes "nothing new" from "nothing heard". A process that is frozen
sends none, and Temporal's clock shows since when.
"""

from datetime import datetime, timedelta
from typing import Final

from schemas.status import LaneState, LaneStatus
from schemas.status_facts import FollowerFacts, LaneFacts, LaneMemo, LanePulse

PLANNER: Final = "planner"
"""Pauses lanes whose objects go by another way: that is no problem."""
REFUSALS: Final = frozenset({"RateLimitedError", "BudgetSpentError"})
"""Error codes that say: not now, there is no allowance."""
DRAINING: Final = "WorkerDraining"
SILENT: Final = timedelta(seconds=10)
"""A follower tells something every two seconds. One that is silent for so long is frozen or cut
off.
"""
STUCK: Final = timedelta(seconds=30)
"""A batch is landed in less, unless a remote hangs."""
HANDOVER: Final = timedelta(seconds=15)
"""Time in which another worker takes over a follower."""
RECENT: Final = timedelta(minutes=2)
"""A lane that received something within this time follows; else it is quiet."""


def lane_status(facts: LaneFacts, now: datetime) -> LaneStatus:
    """The lane as it is at `now`. Backlog and the ledger's position are not known here."""
    follower = facts.follower
    pulse = follower.pulse if follower else None
    found = LaneStatus(
        lane=facts.lane,
        state=LaneState.UNKNOWN,
        channel=facts.memo.channel or (pulse.channel if pulse else ""),
        way=facts.memo.way or ("poll" if follower and follower.activity == "poll_lane" else "stream"),
        heard_at=pulse.heard_at if pulse else None,
        received_at=pulse.received_at if pulse else None,
        position=(follower.position if follower else "") or facts.position,
        position_at=pulse.position_at if pulse else None,
        landed_at=pulse.landed_at if pulse else None,
    )
    return found.model_copy(update=_state(facts, now))


def _state(facts: LaneFacts, now: datetime) -> dict[str, object]:
    if facts.is_running is None:
        return _is(LaneState.UNKNOWN, facts.trouble or "Temporal did not say")
    if not facts.is_running:
        return _is(LaneState.NOT_STARTED, "start a worker: tidegate worker")
    if facts.stage == "paused":
        return _paused(facts.memo)
    waits = facts.task_waits_since
    if waits is not None and now - waits > HANDOVER:
        return _is(LaneState.STALLED, "no batches worker runs its workflow", since=waits)
    if facts.follower is None:
        return _is(LaneState.UNKNOWN, "its follower has not begun yet", since=waits)
    return _follower(facts.follower, now)


def _paused(memo: LaneMemo) -> dict[str, object]:
    because = memo.paused_because or "no worker says why"
    return {**_is(LaneState.PAUSED, because, since=memo.paused_at), "by": memo.paused_by}


def _follower(follower: FollowerFacts, now: datetime) -> dict[str, object]:
    if follower.state == "paused":
        return _is(LaneState.PAUSED, "its activity is paused in Temporal: unpause it there")
    if follower.state == "scheduled":
        return _scheduled(follower, now)
    last = max(filter(None, (follower.heartbeat_at, follower.started_at)), default=None)
    if last is None or now - last > SILENT:
        told = f"the process that follows it is silent: {follower.worker or 'its name is not known'}"
        return _is(LaneState.STALLED, _with_step(told, follower.pulse), since=last)
    if _has_spoken(follower):
        return _heard(follower, now)
    if follower.failure and follower.failure_code != DRAINING:
        return _failed(follower, next_try_at=None)
    if follower.pulse is not None and now - follower.pulse.at <= HANDOVER:
        return _heard(follower, now)
    return _is(LaneState.UNKNOWN, "its follower has just begun", since=follower.started_at)


def _has_spoken(follower: FollowerFacts) -> bool:
    """True once the present attempt has told something."""
    if follower.heartbeat_at is None or follower.started_at is None:
        return False
    return follower.heartbeat_at > follower.started_at


def _scheduled(follower: FollowerFacts, now: datetime) -> dict[str, object]:
    due = follower.scheduled_at
    is_overdue = due is not None and now - due > HANDOVER
    if follower.failure and follower.failure_code != DRAINING:
        found = _failed(follower, next_try_at=due)
        if is_overdue and found["state"] is LaneState.STALLED:
            found["because"] = f"no lanes worker takes it; before that: {found['because']}"
        return found
    if is_overdue:
        return _is(LaneState.STALLED, "no lanes worker takes it: tidegate worker --role lanes", since=due)
    if follower.pulse is not None and now - follower.pulse.at <= HANDOVER:
        return _heard(follower, now)
    return _is(LaneState.UNKNOWN, "it goes over to another worker", since=due)


def _failed(follower: FollowerFacts, *, next_try_at: datetime | None) -> dict[str, object]:
    if follower.failure_code in REFUSALS:
        return _is(LaneState.WAITING, follower.failure, since=follower.failed_at, next_try_at=next_try_at)
    heard = follower.pulse.heard_at if follower.pulse else None
    because = follower.failure
    if follower.failure_code == "timeout":
        because = "its last process fell silent: killed, frozen, or waiting for a remote"
        because = _with_step(because, follower.pulse)
    return _is(LaneState.STALLED, because, since=heard or follower.failed_at, next_try_at=next_try_at)


def _heard(follower: FollowerFacts, now: datetime) -> dict[str, object]:
    """The state of a follower that tells something, by what it tells."""
    pulse = follower.pulse
    if pulse is None:
        told = "its worker is of a release that does not say whether it hears from the org"
        return _is(LaneState.UNKNOWN, told)
    landing_since = pulse.landing_since or (pulse.step_since if pulse.step == "landing" else None)
    if landing_since is not None and (now - landing_since > STUCK or _fell_silent(follower, landing_since)):
        told = f"no batch is landed (S3, KMS, Temporal); tried since {landing_since:%H:%M:%S}"
        return _is(LaneState.STALLED, told, since=landing_since)
    if pulse.heard_at is None:
        if now - pulse.step_since > pulse.silence:
            return _is(LaneState.STALLED, "the org has not answered yet", since=pulse.step_since)
        return _is(LaneState.UNKNOWN, "the org has not answered yet", since=pulse.step_since)
    if now - pulse.heard_at > pulse.silence:
        return _is(LaneState.STALLED, "nothing is heard from the org", since=pulse.heard_at)
    is_recent = pulse.received_at is not None and now - pulse.received_at <= RECENT
    return _is(LaneState.FOLLOWING if is_recent else LaneState.QUIET)


def _fell_silent(follower: FollowerFacts, landing_since: datetime) -> bool:
    """True when an earlier attempt was ended because it fell silent while it landed: the present
    one listens before it lands, and says nothing yet about whether that has become possible.
    """
    if follower.failure_code != "timeout" or follower.started_at is None:
        return False
    return landing_since < follower.started_at


def _with_step(told: str, pulse: LanePulse | None) -> str:
    """The same, with what the follower did last."""
    if pulse is None or pulse.step == "listening":
        return told
    where = {"landing": "landing a batch (S3, KMS, Temporal)", "reading": "reading from the org"}
    return f"{told}; its last step was {where.get(pulse.step, pulse.step)}, since {pulse.step_since:%H:%M:%S}"


def _is(
    state: LaneState,
    because: str = "",
    *,
    since: datetime | None = None,
    next_try_at: datetime | None = None,
) -> dict[str, object]:
    return {"state": state, "because": because, "since": since, "next_try_at": next_try_at}
