"""The error for a refusal of the Pub/Sub API: the gRPC status, and Salesforce's own code in the
trailer `error-code`.

Pub/Sub API Guide, "Handle Errors". A status without the trailer is gRPC's own: the transport
broke.
"""

from datetime import timedelta

import grpc

from clients.salesforce.streaming.stream import DELIVERY_LIMIT_PAUSE
from schemas.errors import (
    CredentialsRejectedError,
    RateLimitedError,
    ReplayExpiredError,
    SessionEndedError,
    SettingsError,
    StreamBrokenError,
    TidegateError,
    UnavailableError,
)

_SYSTEM = "Salesforce"
_PREFIX = "sfdc.platform.eventbus.grpc."
_CLIENTS_PAUSE = timedelta(minutes=1)
_AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
_NO_TOPIC = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}


def error_code(error: grpc.aio.AioRpcError) -> str:
    """Salesforce's code without its common prefix; empty when the error is gRPC's own."""
    trailers = {key: value for key, value in error.trailing_metadata() or () if isinstance(value, str)}
    return trailers.get("error-code", "").removeprefix(_PREFIX)


def is_session_refused(error: grpc.aio.AioRpcError) -> bool:
    """True when a new session may help."""
    return error.code() is grpc.StatusCode.UNAUTHENTICATED or error_code(error).startswith("service.auth")


def is_garbled(error: grpc.aio.AioRpcError) -> bool:
    """True when the server's own words may be lost: a request that crosses the end of its call
    replaces the status.

    A known fault of grpc.aio (grpc/grpc#36066). The next call raises the reason if it lasts.
    """
    return error.code() is grpc.StatusCode.INTERNAL and not error_code(error)


def translated_pubsub(
    error: grpc.aio.AioRpcError, *, lane: str, channel: str, replay_id: int
) -> TidegateError:
    """Our error for a refused or broken call about a lane that stands at `replay_id`."""
    status, code, detail = error.code(), error_code(error), error.details() or ""
    said = f"{code or status.name}: {detail}"
    if code.startswith("subscription.fetch.replayid"):
        return ReplayExpiredError(lane=lane, position=str(replay_id), detail=said)
    if code == "subscription.limit.exceeded":
        return RateLimitedError(system=_SYSTEM, detail=said, retry_after=DELIVERY_LIMIT_PAUSE)
    if code == "concurrent.client.limit.exceeded":
        return RateLimitedError(system=_SYSTEM, detail=said, retry_after=_CLIENTS_PAUSE)
    if is_session_refused(error):
        return SessionEndedError(detail=said)
    if status is grpc.StatusCode.PERMISSION_DENIED:
        setting = "the integration user's View All Data permission"
        return CredentialsRejectedError(system=_SYSTEM, error_code="403", detail=said, setting=setting)
    if code.startswith("topic.") and status in _NO_TOPIC:
        return SettingsError(
            f"Salesforce has no topic {channel} for lane {lane} ({said}). Correct TIDEGATE_LANES."
        )
    if status in _AWAY:
        return UnavailableError(system=_SYSTEM, detail=said)
    return StreamBrokenError(lane=lane, detail=said)
