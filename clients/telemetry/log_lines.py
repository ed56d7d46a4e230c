"""The two forms of a log line: one JSON object, or a text for a terminal.

Both show the message, the fields of the work at hand and facts with permitted names; an error
is shown as frames. docs/observability.md lists the fields.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from clients.telemetry.error_facts import error_frames
from clients.telemetry.log_context import current_fields, fields_of_workflow

OURS = ("activities", "api", "cli", "clients", "schemas", "transforms", "workers", "workflows")
"""Packages whose lines are logged from the level of the settings on."""
FACTS = frozenset(
    {
        "api",
        "batches",
        "budget",
        "caller",
        "changes",
        "error",
        "error_code",
        "is_over",
        "lane",
        "lease_class",
        "method",
        "ms",
        "object",
        "object_name",
        "queue",
        "retry_after_s",
        "role",
        "route",
        "status",
        "system",
    }
)
"""Names of facts that a line may have. A new name is a decision: its values must hold no value of a
record, no query and no text of a remote system.
"""
ORDER = (
    "trace_id",
    "span_id",
    "workflow_id",
    "run_id",
    "activity",
    "attempt",
    "request_id",
    "batch",
)
"""Fields of the work at hand, in the order of a line."""
_MOST_FACT = 200
"""Characters of a fact."""
SpanIds = Callable[[], tuple[str, str] | None]
"""Trace id and span id of the span at hand; None outside of one."""


def no_span() -> tuple[str, str] | None:
    """The ids of a process that makes no spans."""
    return None


class LineFormatter(logging.Formatter):
    """Fields that both forms share."""

    def __init__(self, *, org: str, process: str, span_ids: SpanIds = no_span) -> None:
        super().__init__()
        self._fixed = {"org": org, "process": process}
        self._span_ids = span_ids

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Fields of the work, in order; without those that nobody has set."""
        found: dict[str, Any] = {**_of_temporal(record), **current_fields()}
        if (span := self._span_ids()) is not None:
            found["trace_id"], found["span_id"] = span
        return {name: found[name] for name in ORDER if name in found}


class JsonLines(LineFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object; a value that JSON lacks is written as text."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": event_of(record),
            **self._fixed,
            **self._fields(record),
        }
        if facts := facts_of(record):
            line["facts"] = facts
        if frames := frames_of(record):
            line["frames"] = frames
        return orjson.dumps(line, default=str).decode()


class TextLines(LineFormatter):
    """A line for people: time, level, logger, message, then `name=value` for the rest."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; frames of an error follow on lines of their own."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields = self._fields(record)
        shown: dict[str, Any] = {
            name: fields[name] for name in ("activity", "attempt", "request_id", "batch") if name in fields
        }
        shown.update(facts_of(record))
        words = [f"{name}={value}" for name, value in shown.items()]
        text = " ".join([f"{at:%H:%M:%S}", f"{record.levelname:7}", record.name, event_of(record), *words])
        return "\n    ".join([text, *frames_of(record)])


def event_of(record: logging.LogRecord) -> str:
    """The message, as one line.

    A library's message ends at its first line break: asyncio and Temporal go on with the words of
    an error.
    """
    message = record.getMessage()
    if record.name.partition(".")[0] not in OURS:
        message = message.partition("\n")[0]
    return message.replace("\r", "\\r").replace("\n", "\\n")


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """The record's facts with permitted names; texts are cut."""
    given = getattr(record, "facts", None)
    if not isinstance(given, dict):
        return {}
    return {
        name: value[:_MOST_FACT] if isinstance(value, str) else value
        for name, value in given.items()
        if name in FACTS and value is not None
    }


def frames_of(record: logging.LogRecord) -> list[str]:
    """Where the record's error was raised; empty without one.

    Our own lines give them as `frames`: with the error itself, another handler would write its
    words.
    """
    given = getattr(record, "frames", None)
    if isinstance(given, list):
        return [str(each) for each in given]
    error = record.exc_info[1] if record.exc_info else None
    return [] if error is None else error_frames(error)


def _of_temporal(record: logging.LogRecord) -> dict[str, Any]:
    """The work that Temporal's own loggers name in a record."""
    for name in ("temporal_activity", "temporal_workflow"):
        info = getattr(record, name, None)
        if isinstance(info, dict) and "workflow_id" in info:
            run = str(info.get("workflow_run_id", info.get("run_id", "")))
            fields: dict[str, Any] = {}
            fields.update(fields_of_workflow(str(info["workflow_id"]), run))
            if name == "temporal_activity":
                fields["activity"] = info.get("activity_type")
            fields["attempt"] = info.get("attempt")
            return fields
    return {}
