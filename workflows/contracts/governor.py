"""Reading the org's limits."""

from datetime import timedelta

from schemas import names
from schemas.governor import ReadLimitsInput, ReadLimitsResult
from workflows.contracts.contract import ONCE, Contract

READ_LIMITS = Contract(
    names.READ_LIMITS,
    ReadLimitsInput,
    ReadLimitsResult,
    queue=names.ORG_QUEUE,
    start_to_close=timedelta(seconds=30),
    schedule_to_close=timedelta(minutes=2),
    retry=ONCE,
    why="Without a worker that reaches the org the governor goes on, and shows that it cannot read. The calls are "
    "counted for one attempt; the next reading is a minute away.",
)
