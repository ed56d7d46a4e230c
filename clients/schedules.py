"""Temporal Schedules: made once, brought up to date afterwards, never two runs of one at a time."""

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
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from schemas import names
from schemas.message import Message

_CATCH_UP = timedelta(minutes=1)
"""Runs that were missed for longer are left out: the next one does their work."""


async def ensure_schedule(
    client: Client, schedule_id: str, workflow_type: str, request: Message, every: timedelta
) -> None:
    """Have a workflow started every so often, and at once when the schedule is new.

    Args:
        client: Of Temporal.
        schedule_id: What the ids of its workflows begin with, too; the server adds the time.
        workflow_type: On `WORKFLOW_QUEUE`.
        request: What each run gets.
        every: Between two beginnings; while one runs, no other begins.
    """
    action = ScheduleActionStartWorkflow(
        workflow_type, request, id=schedule_id, task_queue=names.WORKFLOW_QUEUE
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)])
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP)
    wanted = Schedule(action=action, spec=spec, policy=policy)
    try:
        await client.create_schedule(schedule_id, wanted, trigger_immediately=True)
    except ScheduleAlreadyRunningError:

        def updated(found: ScheduleUpdateInput) -> ScheduleUpdate:
            # Whether it is paused is an operator's word.
            return ScheduleUpdate(
                Schedule(action=action, spec=spec, policy=policy, state=found.description.schedule.state)
            )

        await client.get_schedule_handle(schedule_id).update(updated)
