"""Temporal schedules: work that begins by the clock. Made by the first process that starts, and the
same on every later call.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from schemas.message import Message

CATCH_UP = timedelta(minutes=10)
"""A start that was missed for longer is left out: the next one asks the same."""


@dataclass(frozen=True)
class Scheduled:
    """A workflow that is started by the clock."""

    schedule: str
    """The schedule's id (`ids.schedule_id`)."""
    workflow: str
    """The workflow's type."""
    workflow_id: str
    """The prefix of its runs' ids; the server adds the time."""
    task_queue: str
    request: Message
    every: timedelta
    offset: timedelta = timedelta(0)
    """Later than the whole multiples of `every` since the epoch: keeps schedules of one kind apart.
    """
    note: str = ""


async def keep_schedule(client: Client, wanted: Scheduled, *, on: bool) -> None:
    """Have the schedule as it is wanted; or, with `on` false, have none."""
    if on:
        await ensure_schedule(client, wanted)
    else:
        await remove_schedule(client, wanted.schedule)


async def ensure_schedule(client: Client, wanted: Scheduled) -> bool:
    """Make the schedule, or bring it up to date; True when it was made. One that an operator has
    paused stays paused.

    A run that has not ended when the next one is due has it left out.
    """
    schedule = _schedule(wanted)
    try:
        await client.create_schedule(wanted.schedule, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(wanted.schedule).update(lambda found: _updated(found, schedule))
        return False
    return True


async def remove_schedule(client: Client, schedule: str) -> bool:
    """Remove a schedule; False when there is none. Runs that it has started go on."""
    try:
        await client.get_schedule_handle(schedule).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


def _schedule(wanted: Scheduled) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            wanted.workflow, wanted.request, id=wanted.workflow_id, task_queue=wanted.task_queue
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=wanted.every, offset=wanted.offset)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        state=ScheduleState(note=wanted.note),
    )


def _updated(found: ScheduleUpdateInput, schedule: Schedule) -> ScheduleUpdate:
    schedule.state = found.description.schedule.state
    return ScheduleUpdate(schedule)
