"""The meaning of CometD's error texts."""

from typing import Any

from aiosfstream_ng.exceptions import AuthenticationError

from clients.salesforce.streaming.stream import (
    DELIVERY_LIMIT_PAUSE,
)
from schemas.errors import (
    CredentialsRejectedError,
    RateLimitedError,
    ReplayExpiredError,
    SessionEndedError,
    StreamBrokenError,
    TidegateError,
    UnavailableError,
)


def refused_subscription(message: dict[str, Any], lane: str, replay_id: int) -> TidegateError:
    return error_of_text(str(message.get("error", "")), lane, replay_id)


def translated_error(error: Exception, lane: str, replay_id: int) -> TidegateError:
    if isinstance(error, TidegateError):
        return error
    if isinstance(error.__cause__, TidegateError):
        return error.__cause__
    response = next((part for part in error.args if isinstance(part, dict)), {})
    reason = (
        (response.get("ext") or {}).get("sfdc", {}).get("failureReason")
        or response.get("error")
        or str(error)
    )
    if isinstance(error, AuthenticationError):
        return SessionEndedError(detail=str(reason))
    return error_of_text(str(reason), lane, replay_id)


def error_of_text(reason: str, lane: str, replay_id: int) -> TidegateError:
    """The error behind a CometD error text (Streaming API Developer Guide, "Streaming API Error
    Codes").
    """
    if "replayId" in reason:
        return ReplayExpiredError(lane=lane, position=str(replay_id), detail=reason)
    if "limit exceeded" in reason:
        return RateLimitedError(system="Salesforce", detail=reason, retry_after=DELIVERY_LIMIT_PAUSE)
    if reason.startswith("401") or "Authentication invalid" in reason:
        return SessionEndedError(detail=reason)
    if reason.startswith("403::User not allowed"):
        return CredentialsRejectedError(
            system="Salesforce",
            error_code="403",
            detail=reason,
            setting="the integration user's View All Data permission",
        )
    if not reason or reason.startswith("503") or "::" not in reason:
        return UnavailableError(system="Salesforce", detail=reason or "the connection failed")
    return StreamBrokenError(lane=lane, detail=reason)
