"""Taking the values of some records out of every store."""

from datetime import timedelta

from schemas import names
from schemas.erasure.messages import (
    Certified,
    CertifyInput,
    ErasedPlaces,
    ErasureInput,
    ErasureScope,
    ErasureStep,
)
from workflows.contracts.contract import Contract

SCOPE_ERASURE = Contract(
    names.SCOPE_ERASURE,
    ErasureInput,
    ErasureScope,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(minutes=30),
    heartbeat=timedelta(seconds=12),
    why="The log is asked for children by columns that may have no index.",
)
ERASE_WRITEBACKS = Contract(
    names.ERASE_WRITEBACKS,
    ErasureStep,
    ErasedPlaces,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=12),
    why="One transaction. It is refused while a writeback of the records is on its way, and asked again until it is not.",
)
ERASE_FILES = Contract(
    names.ERASE_FILES,
    ErasureStep,
    ErasedPlaces,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(hours=2),
    heartbeat=timedelta(seconds=12),
    why="Handed-in files are kept for days and are as large as their senders make them.",
)
ERASE_RAW = Contract(
    names.ERASE_RAW,
    ErasureStep,
    ErasedPlaces,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(minutes=30),
    heartbeat=timedelta(seconds=12),
    why="Some hundred files of up to 20,000 changes; a killed step is begun again with the same ones.",
)
ERASE_TABLES = Contract(
    names.ERASE_TABLES,
    ErasureStep,
    ErasedPlaces,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(hours=6),
    heartbeat=timedelta(seconds=12),
    why="The rows of some hundred records are little; to give back the space of a large table takes hours.",
)
ERASE_ARCHIVE = Contract(
    names.ERASE_ARCHIVE,
    ErasureStep,
    ErasedPlaces,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=12),
    why="Some hundred rows of keys.",
)
CERTIFY_ERASURE = Contract(
    names.CERTIFY_ERASURE,
    CertifyInput,
    Certified,
    queue=names.ERASURE_QUEUE,
    start_to_close=timedelta(minutes=1),
    why="One row. It is tried until it is stored: an erasure without a certificate is not done.",
)
