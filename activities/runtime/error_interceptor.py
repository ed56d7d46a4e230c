"""The one place where our errors become Temporal's.

Temporal matches a retry policy's names against the exact class, never an ancestor, so a
hierarchy cannot be named in a policy. Here the hierarchy decides, and no workflow lists error
names. Messages are cut to what a history should hold.
"""

import logging
from traceback import format_tb
from types import TracebackType
from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from clients.telemetry.error_facts import error_facts, error_frames
from schemas.errors import TerminalError, TidegateError, TransientError

_LOG = logging.getLogger(__name__)
MESSAGE_LENGTH = 1_500
"""Bytes of an error's text that reach a history.

The server keeps 4 KiB of a failing activity (`limit.mutableStateActivityFailureSize.error`). Of a
longer failure it keeps a sentence of its own, and the code is lost.
"""
FRAME_BYTES = 700
"""Bytes of our own frames that go with it, the innermost. Those of the worker come on top, some
1,500.
"""


class ErrorTranslationInterceptor(Interceptor):
    """Worker interceptor: every activity's `TidegateError` leaves as an `ApplicationError`."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except TidegateError as error:
            _log_failure(error)
            # Alone: a cause would travel with it, named by its class and uncut, and a driver's own
            # may quote the row it refused.
            failure = as_application_error(error)
            failure.is_logged = True  # type: ignore[attr-defined]  # for the filter of our log
            raise failure.with_traceback(innermost(error.__traceback__)) from None


def innermost(frames: TracebackType | None) -> TracebackType | None:
    """The last frames of a traceback, as many as `FRAME_BYTES` hold, and at least one.

    An error that is kept and raised again has the frames of every time before.
    """
    chain: list[TracebackType] = []
    while frames is not None:
        chain.append(frames)
        frames = frames.tb_next
    first, size = None, 0
    for each in reversed(chain):
        size += len(format_tb(each, limit=1)[0].encode())
        if first is not None and size > FRAME_BYTES:
            break
        first = each
    return first


def as_application_error(error: TidegateError) -> ApplicationError:
    """The Temporal error that carries whether trying again helps, and when."""
    return ApplicationError(
        str(error).encode()[:MESSAGE_LENGTH].decode(errors="ignore"),
        type=error.code,
        non_retryable=isinstance(error, TerminalError),
        next_retry_delay=error.retry_after if isinstance(error, TransientError) else None,
        category=_category(error),
    )


def _category(error: TidegateError) -> ApplicationErrorCategory:
    """BENIGN for an error of normal work: Temporal neither counts nor logs it as a failure."""
    is_expected = isinstance(error, TransientError) and error.is_expected
    return ApplicationErrorCategory.BENIGN if is_expected else ApplicationErrorCategory.UNSPECIFIED


def _log_failure(error: TidegateError) -> None:
    """Write one line for each failure. A step that is tried again shows no frames: they add
    nothing.
    """
    facts = error_facts(error)
    if not isinstance(error, TransientError):
        _LOG.error("the step failed for good", extra={"facts": facts, "frames": error_frames(error)})
        return
    if error.retry_after is not None:
        facts["retry_after_s"] = error.retry_after.total_seconds()
    level = logging.INFO if error.is_expected else logging.WARNING
    _LOG.log(level, "the step failed and is tried again", extra={"facts": facts})
