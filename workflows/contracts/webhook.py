"""Delivering changes to webhooks."""

from datetime import timedelta

from schemas import names
from schemas.webhook.messages import Delivered, DeliverInput
from workflows.contracts.contract import Contract

DELIVER_CHANGES = Contract(
    names.DELIVER_CHANGES,
    DeliverInput,
    Delivered,
    queue=names.WEBHOOK_QUEUE,
    start_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=10),
    why="It delivers for a minute, and a request may then take as long as the setting allows. A worker that is killed is "
    "noticed by its heartbeats: changes wait for the next one meanwhile.",
)
