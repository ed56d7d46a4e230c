"""The operational store's part of a look at the engine."""

from pydantic import AwareDatetime

from schemas.message import Message
from schemas.webhook.status_facts import WebhookStanding
from schemas.writeback.control import PauseView


class WritebackStanding(Message):
    """An object's writebacks as they stand now."""

    object: str
    waiting: int
    open: int
    held: int
    dead: int
    oldest_waiting_at: AwareDatetime | None


class UnknownWritebacks(Message):
    """An object's writebacks that were sent, and whose outcome is not known."""

    object: str
    writebacks: int
    oldest_sent_at: AwareDatetime


class LatencySpread(Message):
    """Seconds."""

    p50: float
    p95: float
    p99: float
    most: float


class WritebackLatency(Message):
    """Duration of an object's writebacks of the last hour, as of `clients.writeback.stats`."""

    object: str
    writebacks: int
    late: int
    sent: LatencySpread
    done: LatencySpread
    echoed: int
    echo: LatencySpread | None


class WritebackFacts(Message):
    """The operational store's answers."""

    standings: tuple[WritebackStanding, ...]
    latencies: tuple[WritebackLatency, ...] = ()
    pauses: tuple[PauseView, ...]
    unknown: tuple[UnknownWritebacks, ...] = ()
    webhooks: tuple[WebhookStanding, ...] = ()
