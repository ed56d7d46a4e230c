"""The meaning of a failed call: for the caller, for the governor, and for a write of which nobody
knows whether it was done.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from clients.salesforce.safe_words import safe_words
from schemas.errors import (
    CallRefusedError,
    CallTooSlowError,
    RateLimitedError,
    SchemaChangedError,
    SessionEndedError,
    TidegateError,
    UnavailableError,
    UnknownOutcomeError,
)
from schemas.governor import Budget, Reading, Refusal, RefusalKind
from schemas.governor.recheck import ASK_AGAIN
from schemas.salesforce.limits import API_USAGE_LAG

SYSTEM = "Salesforce"
_CODE = re.compile(r"\w{1,80}", re.ASCII)
_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_QUOTA_PAUSE = timedelta(minutes=15)
_SHORT_PAUSE = timedelta(seconds=10)
_APEX_PAUSE = timedelta(seconds=30)
_BUSY = {406, 420, 429, 502, 503, 504}
_TRANSIENT = {
    "UNABLE_TO_LOCK_ROW",
    "SERVER_UNAVAILABLE",
    "REQUEST_RUNNING_TOO_LONG",
    "UNKNOWN_EXCEPTION",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "TooManyLockFailure",
    "InternalServerError",
}
_TOO_SLOW = {"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"}
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""There was no connection, so the org has not seen a byte. A reset or an end of an open one says
nothing of the kind.
"""
_OF_THE_FORM = {405, 410, 411, 412, 413, 414, 415, 417, 428, 431}
"""Refused for its form, before anything is done; true of the org and of a proxy before it (RFC
9110).
"""
_MIDWAY = {"REQUEST_RUNNING_TOO_LONG", "UNKNOWN_EXCEPTION", "QUERY_TIMEOUT", "InternalServerError", "Timeout"}
"""The org had begun, and what it had committed by then stays: each subrequest of a composite
call is a transaction.
"""
_OVER_QUOTA = {"LIMIT_EXCEEDED", "EXCEEDED_QUOTA", "ExceededQuota"}


def unanswered(error: httpx.HTTPError | TimeoutError, call: str, *, may_be_done: bool) -> TidegateError:
    """The error of a call without an answer. `may_be_done`: the org may have the whole of a
    write.
    """
    told = f"{call}: {type(error).__name__}"
    if may_be_done and not isinstance(error, _NOT_SENT):
        return UnknownOutcomeError(system=SYSTEM, detail=told, is_over=False)
    if isinstance(error, httpx.ReadTimeout):
        return CallTooSlowError(system=SYSTEM, detail=call)
    return UnavailableError(system=SYSTEM, detail=told)


def refused_call(response: httpx.Response, call: str, refusal: Refusal | None) -> TidegateError:
    """The error of a call that the org refused; `refusal` is what `refusal_for_all` has read in
    the response.
    """
    status, (code, words) = response.status_code, _error(response)
    message = safe_words(words)
    if status == httpx.codes.UNAUTHORIZED:
        return SessionEndedError(detail=f"{code} {message}")
    if refusal is not None:
        # An allocation can be raised at any time. The governor knows of the refusal, so the next
        # try asks it first, and sends nothing in vain.
        is_quota = refusal.kind is RefusalKind.QUOTA
        again = min(refusal.retry_after, ASK_AGAIN) if is_quota else refusal.retry_after
        return RateLimitedError(system=SYSTEM, detail=f"{call}: {code} {message}", retry_after=again)
    if code == "INVALID_FIELD" and _is_reading(call):
        return SchemaChangedError(call=call, detail=message)
    if code in _TOO_SLOW:
        return CallTooSlowError(system=SYSTEM, detail=f"{call}: {code} {message}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or code in _TRANSIENT:
        return UnavailableError(system=SYSTEM, detail=f"{call}: {status} {code} {message}")
    return CallRefusedError(call=call, status=status, error_code=code, detail=message, words=words)


def refused_write(refused: TidegateError, response: httpx.Response, call: str) -> TidegateError:
    """The error of a write that the org refused; `refused` is the error of a call that changes
    nothing.

    Surely not carried out are: a 4xx with a code of the org's own, unless the org had begun; a
    refusal for the form; and a redirection (3xx). A 5xx is not sure even with
    SERVER_UNAVAILABLE, "a server that is necessary for this call is unavailable" (SOAP API
    Developer Guide, "Core Data Types"): nothing says that it was found out before the first row.
    A look-up is one call for a thousand rows. A write that was done and is taken for undone is a
    second effect.
    """
    status, (code, _) = response.status_code, _error(response)
    is_orgs_own = code != str(status)
    is_sure = status < httpx.codes.INTERNAL_SERVER_ERROR and (
        status in _OF_THE_FORM
        or status < httpx.codes.BAD_REQUEST
        or isinstance(refused, SessionEndedError)
        or (is_orgs_own and code not in _MIDWAY)
    )
    if not is_sure:
        detail = f"{call}: {status} {code}"
        return UnknownOutcomeError(system=SYSTEM, detail=detail, is_over=is_orgs_own)
    return refused


def refusal_for_all(response: httpx.Response, also: tuple[Budget, ...]) -> Refusal | None:
    """The part of a refusal that concerns the governor. None = it says nothing about limits.

    Args:
        response: The org's answer.
        also: What the call spends besides an API call; a quota that is used up is the first
            one's.
    """
    code, message = _error(response)
    budget, kind, pause = Budget.API_CALLS, RefusalKind.UNAVAILABLE, _SHORT_PAUSE
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return None
    if code == "REQUEST_LIMIT_EXCEEDED" and message.startswith("ConcurrentRequests"):
        budget, kind = Budget.LONG_CALLS, RefusalKind.CONCURRENCY
    elif code == "REQUEST_LIMIT_EXCEEDED" and message.startswith("ConcurrentPerOrgLongTxn"):
        kind, pause = RefusalKind.APEX, _APEX_PAUSE
    elif code == "REQUEST_LIMIT_EXCEEDED":
        kind, pause = RefusalKind.QUOTA, _QUOTA_PAUSE
    elif code in _OVER_QUOTA and also:
        budget, kind, pause = also[0], RefusalKind.QUOTA, _QUOTA_PAUSE
    elif response.status_code not in _BUSY:
        return None
    return Refusal(
        budget=budget, kind=kind, at=datetime.now(UTC), retry_after=_retry_after(response) or pause
    )


def api_usage(response: httpx.Response) -> Reading | None:
    """The org's own count of API calls. None = the answer has no such header."""
    found = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
    if found is None:
        return None
    used, maximum = int(found[1]), int(found[2])
    return Reading(
        budget=Budget.API_CALLS, maximum=maximum, used=used, at=datetime.now(UTC), lag=API_USAGE_LAG
    )


def _is_reading(call: str) -> bool:
    """True for calls that name fields to read them."""
    is_query = "/jobs/query" in call or "/composite/sobjects/" in call
    return call.startswith("GET ") or (call.startswith("POST ") and is_query)


def _retry_after(response: httpx.Response) -> timedelta | None:
    """The header's seconds. None = the header is missing, or a date (Salesforce sends seconds)."""
    text = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(text)) if text.isdigit() else None


def _error(response: httpx.Response) -> tuple[str, str]:
    """Code and message of an error body: a list in REST, one object in Bulk API 1.0, a page when
    the edge answers.
    """
    try:
        body: Any = response.json()
    except ValueError:
        return str(response.status_code), "an answer that is not JSON"
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return str(response.status_code), "an answer without an error code"
    code = first.get("errorCode") or first.get("exceptionCode") or response.status_code
    # A code is a word; what is none may be a sentence that quotes.
    named = str(code) if _CODE.fullmatch(str(code)) else str(response.status_code)
    return named, str(first.get("message") or first.get("exceptionMessage") or "")[:300]
