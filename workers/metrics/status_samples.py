"""One look at the engine as samples: the same numbers that `tidegate status` shows."""

from schemas.status import EngineStatus, Health, LaneState, LaneStatus, ObjectStatus
from workers.metrics import families as of
from workers.metrics.families import Sheet

_FOLLOWS = (LaneState.FOLLOWING, LaneState.QUIET)


def put_status(sheet: Sheet, status: EngineStatus) -> None:
    """Add every number of a look."""
    sheet.put(of.STATE_AT, status.at)
    sheet.put(of.STATE_SECONDS, status.took.total_seconds())
    for part in status.unknown:
        sheet.put(of.STATE_UNKNOWN, 1, part)
    for problem in {(each.code, str(each.severity), each.subject) for each in status.problems}:
        sheet.put(of.PROBLEM, 1, *problem)
    for remote in status.remotes:
        sheet.put(of.REMOTE_UP, _up(remote.health), remote.name)
    for role in status.roles:
        sheet.put(of.ROLE_UP, _up(role.health), role.role)
    # A queue that several roles serve is listed with each of them.
    for queue in {(each.queue, each.kind): each for role in status.roles for each in role.queues}.values():
        sheet.put(of.QUEUE_POLLERS, queue.pollers, queue.queue, queue.kind)
        sheet.put(of.QUEUE_BACKLOG, queue.backlog, queue.queue, queue.kind)
        sheet.put(of.QUEUE_AGE, queue.oldest.total_seconds(), queue.queue, queue.kind)
    for lane in status.lanes:
        _put_lane(sheet, lane)
    for each in status.objects:
        _put_object(sheet, each)


def _put_lane(sheet: Sheet, lane: LaneStatus) -> None:
    name, state = lane.lane, lane.state
    if state is not LaneState.UNKNOWN:
        for possible in LaneState:
            if possible is not LaneState.UNKNOWN:
                sheet.put(of.LANE_STATE, possible is state, name, str(possible))
        sheet.put(of.LANE_FOLLOWING, state in _FOLLOWS, name)
        sheet.put(of.LANE_PAUSED, state is LaneState.PAUSED, name)
    sheet.put(of.LANE_HEARD_AT, lane.heard_at, name)
    sheet.put(of.LANE_RECEIVED_AT, lane.received_at, name)
    if lane.position.isdigit():
        sheet.put(of.LANE_POSITION, int(lane.position), name, "landed")
    sheet.put(of.LANE_POSITION_AT, lane.position_at, name)
    sheet.put(of.LANE_UNAPPLIED_BATCHES, lane.unapplied_batches, name)
    sheet.put(of.LANE_UNAPPLIED_CHANGES, lane.unapplied_changes, name)
    sheet.put(of.LANE_OLDEST_UNAPPLIED_AT, lane.oldest_unapplied_at, name)


def _put_object(sheet: Sheet, each: ObjectStatus) -> None:
    name = each.object
    sheet.put(of.OBJECT_RATE, each.changes_per_minute, name)
    for statistic, value in (("p50", each.freshness_p50), ("max", each.freshness_max)):
        sheet.put(of.OBJECT_FRESHNESS, None if value is None else value.total_seconds(), name, statistic)
    sheet.put(of.OBJECT_NEWEST_AT, each.newest_change_at, name)
    sheet.put(of.OBJECT_OLDEST_UNAPPLIED_AT, each.oldest_unapplied_at, name)
    sheet.put(of.OBJECT_HELD, bool(each.held), name)


def _up(health: Health) -> bool | None:
    return None if health is Health.UNKNOWN else health is Health.UP
