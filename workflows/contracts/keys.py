"""Making a data key, and re-encrypting the warehouse with it."""

from datetime import timedelta

from schemas import names
from schemas.security.keys import BeginRotationInput, Reencrypted, ReencryptInput, RotationPlan
from workflows.contracts.contract import Contract

BEGIN_ROTATION = Contract(
    names.BEGIN_ROTATION,
    BeginRotationInput,
    RotationPlan,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=12),
    why="It waits for each object's lock once. A second attempt finds the key that the first one has made.",
)
REENCRYPT_TABLES = Contract(
    names.REENCRYPT_TABLES,
    ReencryptInput,
    Reencrypted,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(hours=6),
    heartbeat=timedelta(seconds=12),
    why="One transaction over current and history of an object, however large they are.",
)
REENCRYPT_LOG = Contract(
    names.REENCRYPT_LOG,
    ReencryptInput,
    Reencrypted,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=15),
    heartbeat=timedelta(seconds=12),
    why="A stretch of a minute, and the longest wait for an object's lock.",
)
