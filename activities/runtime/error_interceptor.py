"""The one place where our errors become Temporal's.

Temporal matches a retry policy's names against the exact class, never an ancestor, so a
hierarchy cannot be named in a policy. Here the hierarchy decides, and no workflow lists error
names. Messages are cut to what a history should hold.
"""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from schemas.errors import TerminalError, TidegateError, TransientError

MESSAGE_LENGTH = 2_000
"""Characters of an error that reach a history; the server cuts what it keeps of a failing activity
at 4 KiB.
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
            # Alone: a cause would travel with it, named by its class and uncut, and a driver's own
            # may quote the row it refused.
            raise as_application_error(error).with_traceback(error.__traceback__) from None


def as_application_error(error: TidegateError) -> ApplicationError:
    """The Temporal error that carries whether trying again helps, and when."""
    return ApplicationError(
        str(error)[:MESSAGE_LENGTH],
        type=error.code,
        non_retryable=isinstance(error, TerminalError),
        next_retry_delay=error.retry_after if isinstance(error, TransientError) else None,
    )
