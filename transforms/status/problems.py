"""Problems, from the answers of a look.

The cause comes first: a lane that stalls because a remote is down is named by the problem of the
remote, not by one of its own.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.status import (
    FRESHNESS_TARGET,
    Health,
    LaneState,
    LaneStatus,
    ObjectStatus,
    Problem,
    RemoteStatus,
    RoleStatus,
    Severity,
)
from schemas.status_facts import LookFacts
from transforms.status.budgets import budget_problems
from transforms.status.deployment import deployment_problems
from transforms.status.lanes import PLANNER, RECENT
from transforms.status.logins import login_problems
from transforms.status.model import export_problems, model_problems
from transforms.status.problem import problem
from transforms.status.read_copy import copy_problems
from transforms.status.stores import store_problems
from transforms.status.webhooks import webhook_problems

_LANE_REMOTES = frozenset({"salesforce", "temporal", "s3", "kms"})
"""Without one of them no lane follows."""
_APPLY_REMOTES = frozenset({"temporal", "s3", "kms", "warehouse", "read_copy"})
"""Without one of them no batch is applied."""
_LOOKED_AT_WITH = {"read_copy": "warehouse"}
"""Remotes that `tidegate doctor` looks at as a part of another."""
_BACKLOG_AGE = timedelta(seconds=30)
_SHORT_WAIT = timedelta(minutes=5)
"""A lane that waits for tokens no longer than this is a notice."""
_BEHIND = timedelta(hours=48)
"""The event bus keeps 72 hours."""
_BEGINNING = timedelta(minutes=5)
"""A lane whose state is unknown for less has just begun: the first keep-alive of the Pub/Sub API
may take 270 seconds.
"""
_NAMED = 6
"""Lanes that a sentence names."""
_ORDER = list(Severity)


def find_problems(
    facts: LookFacts, lanes: tuple[LaneStatus, ...], objects: tuple[ObjectStatus, ...]
) -> tuple[Problem, ...]:
    """Every problem, the worst first; of one severity in the order of causes."""
    amiss = {each.name for each in facts.remotes if each.health is not Health.UP}
    missing = {each.role for each in facts.roles or () if each.health is Health.DOWN}
    stalled = [each.lane for each in lanes if each.state is LaneState.STALLED]
    lanes_explained = bool(amiss & _LANE_REMOTES) or "lanes" in missing
    apply_explained = bool(amiss & _APPLY_REMOTES) or "batches" in missing
    found = [
        *_remotes(facts.remotes, stalled),
        *login_problems(facts),
        *_roles(facts.roles or (), stalled),
        *deployment_problems(facts),
        *_lanes(lanes, facts.at, is_explained=lanes_explained),
        *_objects(objects, facts.at, is_explained=apply_explained),
        *store_problems(facts),
        *copy_problems(facts),
        *webhook_problems(facts),
        *model_problems(facts),
        *export_problems(facts),
        *budget_problems(facts),
    ]
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.severity)))


def _remotes(remotes: tuple[RemoteStatus, ...], stalled: list[str]) -> Iterator[Problem]:
    for each in remotes:
        if each.health is Health.UP:
            continue
        code = "remote.down" if each.health is Health.DOWN else "remote.unknown"
        text = each.detail or "it could not be asked"
        if each.name in _LANE_REMOTES and stalled:
            text = f"{text}; stalled: {_named(stalled)}"
        remedy = f"tidegate doctor --only {_LOOKED_AT_WITH.get(each.name, each.name)}"
        # One miss may be a moment's pause of a machine; nobody is woken before the second one.
        severity = Severity.NOTICE if each.missed == 1 else None
        yield problem(code, text, remedy, subject=each.name, severity=severity, since=each.since)


def _roles(roles: tuple[RoleStatus, ...], stalled: list[str]) -> Iterator[Problem]:
    down = [each for each in roles if each.health is Health.DOWN]
    is_any_up = len(down) < len(roles)
    for each in down:
        if each.role == "any" and is_any_up:
            continue
        idle = [queue.queue for queue in each.queues if queue.pollers == 0]
        text = f"nobody polls {', '.join(idle)}"
        if each.role in ("lanes", "batches") and stalled:
            text = f"{text}; stalled: {_named(stalled)}"
        remedy = "tidegate worker" if each.role == "any" else f"tidegate worker --role {each.role}"
        severity = Severity.TICKET if each.role == "backfill" else None
        yield problem("role.missing", text, remedy, subject=each.role, severity=severity, since=each.since)
    yield from _backlogs(roles)


def _backlogs(roles: tuple[RoleStatus, ...]) -> Iterator[Problem]:
    for each in roles:
        if each.health is not Health.UP:
            continue
        late = [queue for queue in each.queues if queue.oldest > _BACKLOG_AGE]
        if not late:
            continue
        told = ", ".join(f"{q.backlog:,} in {q.queue}, the oldest {seconds(q.oldest)}" for q in late)
        # Backfills and replays may be late: nothing fresh waits for them.
        severity = Severity.NOTICE if each.role == "backfill" else None
        remedy = f"start another: tidegate worker --role {each.role}"
        yield problem("role.backlog", f"tasks wait: {told}", remedy, subject=each.role, severity=severity)


def _lanes(lanes: tuple[LaneStatus, ...], now: datetime, *, is_explained: bool) -> Iterator[Problem]:
    for lane in lanes:
        yield from _lane(lane, now, is_explained=is_explained)
        if lane.position_at is not None and now - lane.position_at > _BEHIND and _should_move(lane):
            text = f"its last landed change is of {lane.position_at:%Y-%m-%d %H:%M}; the bus keeps 72 hours"
            remedy = "make it follow again before the bus forgets: see its state in tidegate status"
            yield problem("lane.behind", text, remedy, subject=lane.lane, since=lane.position_at)
        yield from _late(lane, now)


def _late(lane: LaneStatus, now: datetime) -> Iterator[Problem]:
    """A stream that moves, far behind the org. Its batches may be applied at once, so that no
    object waits at the moment of a look.
    """
    landed, committed = lane.landed_at, lane.position_at
    if lane.way != "stream" or landed is None or committed is None:
        return
    if now - landed <= RECENT and landed - committed > FRESHNESS_TARGET:
        text = f"it lands changes of {committed:%H:%M:%S}, {seconds(landed - committed)} after their commit"
        remedy = f"tidegate lane show {lane.lane}; then see the processor of the lanes worker and S3"
        yield problem("lane.late", text, remedy, subject=lane.lane, since=committed)


def _should_move(lane: LaneStatus) -> bool:
    """True for a stream that may lose events; a quiet one has landed everything that there is."""
    return (lane.way == "stream" and lane.state in (LaneState.STALLED, LaneState.WAITING)) or (
        lane.state is LaneState.PAUSED and lane.by != PLANNER and lane.way == "stream"
    )


def _lane(lane: LaneStatus, now: datetime, *, is_explained: bool) -> Iterator[Problem]:
    name, since = lane.lane, lane.since
    if lane.state is LaneState.STALLED:
        again = f"; next try at {lane.next_try_at:%H:%M:%S}" if lane.next_try_at else ""
        severity = Severity.NOTICE if is_explained else None
        remedy = "tidegate doctor; tidegate lane show " + name
        text = f"{lane.because}{again}"
        yield problem("lane.stalled", text, remedy, subject=name, severity=severity, since=since)
    elif lane.state is LaneState.PAUSED and lane.by != PLANNER:
        severity = Severity.TICKET if lane.by else None
        remedy = f"tidegate lane resume {name}"
        yield problem("lane.paused", lane.because, remedy, subject=name, severity=severity, since=since)
    elif lane.state is LaneState.WAITING:
        is_short = since is None or now - since <= _SHORT_WAIT
        severity = Severity.NOTICE if is_short else None
        yield problem(
            "lane.waiting", lane.because, "tidegate budget", subject=name, severity=severity, since=since
        )
    elif lane.state is LaneState.NOT_STARTED and not is_explained:
        yield problem("lane.not_started", "its workflow does not run", "tidegate worker", subject=name)
    elif lane.state is LaneState.UNKNOWN and not is_explained:
        is_new = since is not None and now - since <= _BEGINNING
        severity = Severity.NOTICE if is_new else None
        remedy = f"tidegate lane show {name}"
        yield problem("lane.unknown", lane.because, remedy, subject=name, severity=severity, since=since)


def _objects(objects: tuple[ObjectStatus, ...], now: datetime, *, is_explained: bool) -> Iterator[Problem]:
    for each in objects:
        if each.held:
            remedy = f"tidegate quality release {each.object} --reason …"
            yield problem("object.held", each.held, remedy, subject=each.object)
        oldest = each.oldest_unapplied_at
        if oldest is not None and now - oldest > FRESHNESS_TARGET and not each.held:
            text = f"the oldest landed change waits for {seconds(now - oldest)}"
            severity = Severity.NOTICE if is_explained else None
            yield problem(
                "object.late",
                text,
                "tidegate status; see the batches role and the warehouse",
                subject=each.object,
                severity=severity,
                since=oldest,
            )


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def seconds(length: timedelta) -> str:
    """75 s; 20 min; 3.5 h."""
    count = length.total_seconds()
    if count < 180:
        return f"{count:.0f} s"
    return f"{count / 60:.0f} min" if count < 7_200 else f"{count / 3_600:.1f} h"
