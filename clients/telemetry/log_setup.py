"""The one place where a process's log lines are set up.

The root stays at WARNING and only our own packages log below: a library's INFO and DEBUG lines
hold URLs with queries, statements and messages, so none is let through by forgetting it (law 7).
"""

import logging
import os
import sys
import threading
from types import TracebackType

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from clients.telemetry.log_lines import OURS, JsonLines, LineFormatter, SpanIds, TextLines, no_span
from schemas.settings.log import LogSettings

QUIET = (
    "aiocometd_ng",
    "aiohttp",
    "aiosfstream_ng",
    "alembic",
    "boto3",
    "botocore",
    "httpcore",
    "httpx",
    "s3transfer",
    "urllib3",
)
"""Libraries that set a level of their own, or quote values below WARNING."""
_LOG = logging.getLogger(__name__)


def set_up_logs(settings: LogSettings, *, org: str, process: str, span_ids: SpanIds = no_span) -> None:
    """Log on standard error from here on.

    Args:
        settings: Format and level.
        org: The org whose engine this is; part of each line.
        process: Name of the process, such as `worker-lanes`. Its process ID is added.
        span_ids: Ids of the span at hand. Default: there are no spans.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings, org, f"{process}:{os.getpid()}", span_ids))
    handler.addFilter(_is_new)
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # These are fields of their own.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def log_uncaught_errors() -> None:
    """Log an error that nobody catches, without its message; Python would print it."""
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _formatter(settings: LogSettings, org: str, process: str, span_ids: SpanIds) -> LineFormatter:
    is_text = settings.format == "text" or (settings.format == "auto" and sys.stderr.isatty())
    form = TextLines if is_text else JsonLines
    return form(org=org, process=process, span_ids=span_ids)


def _is_new(record: logging.LogRecord) -> bool:
    """False for Temporal's line about a failed step that the step's interceptor has logged."""
    error = record.exc_info[1] if record.exc_info else None
    is_step = record.name == "temporalio.activity" and isinstance(error, ApplicationError)
    return not (is_step and getattr(error, "is_logged", False))


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _LOG.critical("the process ends with an unexpected error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value or args.exc_type()
    _LOG.error("a thread ended with an unexpected error", exc_info=(args.exc_type, error, args.exc_traceback))
