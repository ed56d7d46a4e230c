"""Writing the audit log."""

from datetime import timedelta

from schemas import names
from schemas.ingest.messages import Act
from workflows.contracts.contract import Contract

RECORD_ACT = Contract(
    names.RECORD_ACT,
    Act,
    int,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(seconds=30),
    why="One insert. It is tried until it succeeds: law 9 lets no act go unrecorded.",
)
