"""Asks the Pub/Sub API for the channels that lanes follow by it (Pub/Sub API Guide, "GetTopic").
It costs no API call and no event.
"""

import time
from collections.abc import Sequence
from typing import Any

import grpc

from clients.salesforce.streaming.pubsub_connection import PubsubConnection
from clients.salesforce.streaming.pubsub_errors import translated_pubsub
from schemas.doctor import CheckResult, ok, wrong
from schemas.errors import CredentialsRejectedError, SettingsError, UnavailableError
from schemas.salesforce.limits import PUBSUB_MAX_OUTSTANDING

_CHECK = "salesforce.pubsub"
_CALL_SECONDS = 3.0
_OPEN = (
    "Let this machine reach {} (TCP, TLS with HTTP/2), by https_proxy where there is one; or set the "
    "lane's transport to cometd, which needs port 443 alone."
)


async def examine_pubsub(
    connection: PubsubConnection, endpoint: str, channels: Sequence[str]
) -> list[CheckResult]:
    """Check that the endpoint answers and lets this user subscribe to each channel.

    Args:
        connection: To the Pub/Sub API.
        endpoint: Its `host:port`, for the findings.
        channels: As lanes have them: /data/ChangeEvents. Empty: no lane uses the Pub/Sub API.
    """
    if not channels:
        return [ok(_CHECK, "no lane uses the Pub/Sub API")]
    found: list[CheckResult] = []
    seconds: list[float] = []
    async with connection.stub() as stub:
        for channel in channels:
            try:
                topic, took = await _topic(connection, stub, channel)
            except UnavailableError as error:
                told = f"{endpoint} does not answer: {error.detail}"
                return [wrong("salesforce.pubsub_unreachable", told, _OPEN.format(endpoint))]
            except (SettingsError, CredentialsRejectedError) as error:
                found.append(_refused(channel, str(error)))
                continue
            seconds.append(took)
            if not topic.can_subscribe:
                found.append(_refused(channel, f"the integration user may not subscribe to {channel}"))
        if not found:
            seconds.append((await _topic(connection, stub, channels[0]))[1])
    return found or [ok(_CHECK, _distance(endpoint, min(seconds)))]


def _refused(channel: str, told: str) -> CheckResult:
    remedy = "Give the integration user View All Data, or correct the channel in TIDEGATE_LANES."
    return wrong("salesforce.pubsub_refused", told, remedy, where=channel)


def _distance(endpoint: str, seconds: float) -> str:
    """How far away it is, and how much one lane carries from there: at most 100 events are on their
    way (Pub/Sub API Guide, "Flow Control").
    """
    a_minute = round(PUBSUB_MAX_OUTSTANDING / max(seconds, 0.001) * 60, -3)
    return f"{endpoint} answers in {seconds * 1_000:.0f} ms: a lane carries {a_minute:,.0f} events a minute"


async def _topic(connection: PubsubConnection, stub: Any, channel: str) -> tuple[Any, float]:
    """The topic, and how many seconds the answer took. Raises a `TidegateError`."""
    began = time.monotonic()
    try:
        answer = await connection.topic(stub, channel, seconds=_CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        raise translated_pubsub(error, lane="doctor", channel=channel, replay_id=0) from error
    return answer, time.monotonic() - began
