"""Sending writebacks."""

from datetime import timedelta

from schemas import names
from schemas.writeback.messages import (
    EchoCounts,
    EchoInput,
    Formed,
    FormInput,
    LookUpInput,
    SentBatch,
    SetPauseInput,
    WritebackBatchInput,
)
from schemas.writeback.preview import Previewed, PreviewInput
from workflows.contracts.contract import ONCE, Contract

FORM_WRITEBACKS = Contract(
    names.FORM_WRITEBACKS,
    FormInput,
    Formed,
    queue=names.WRITEBACK_QUEUE,
    start_to_close=timedelta(minutes=2),
    schedule_to_close=timedelta(minutes=2),
    heartbeat=timedelta(seconds=10),
    why="A store that is away is shown as a problem, and the queue asks again. Without the heartbeat a worker that dies "
    "while it forms would hold the queue up for two minutes.",
)
SEND_WRITEBACKS = Contract(
    names.SEND_WRITEBACKS,
    WritebackBatchInput,
    SentBatch,
    queue=names.WRITEBACK_QUEUE,
    start_to_close=timedelta(minutes=15),
    heartbeat=timedelta(seconds=10),
    why="Nobody knows what a killed worker has sent: the sooner it is noticed, the sooner the batch is looked up.",
)
LOOK_UP_WRITEBACKS = Contract(
    names.LOOK_UP_WRITEBACKS,
    LookUpInput,
    SentBatch,
    queue=names.WRITEBACK_QUEUE,
    start_to_close=timedelta(minutes=15),
    heartbeat=timedelta(seconds=10),
    why="As `SEND_WRITEBACKS`.",
)
SET_WRITEBACK_PAUSE = Contract(
    names.SET_WRITEBACK_PAUSE,
    SetPauseInput,
    type(None),
    queue=names.WRITEBACK_QUEUE,
    start_to_close=timedelta(seconds=30),
    why="One transaction. A pause must not be lost, so it is tried until it succeeds.",
)
FIND_ECHOES = Contract(
    names.FIND_ECHOES,
    EchoInput,
    EchoCounts,
    queue=names.WRITEBACK_QUEUE,
    start_to_close=timedelta(seconds=20),
    schedule_to_close=timedelta(seconds=30),
    retry=ONCE,
    why="One that fails is not missed: the next one finds the same.",
)
PREVIEW_WRITEBACKS = Contract(
    names.PREVIEW_WRITEBACKS,
    PreviewInput,
    Previewed,
    queue=names.WRITEBACK_QUEUE,
    start_to_close=timedelta(minutes=2),
    schedule_to_close=timedelta(minutes=2),
    heartbeat=timedelta(seconds=20),
    why="Somebody waits for it, and can ask again.",
)
