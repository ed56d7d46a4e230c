"""One log line and one span a call to Salesforce, without ids, queries and values.

httpx logs whole URLs. A writeback by external id has the id in its query, so httpx is silent and
this line takes its place. A call outside of a step that is traced has no span.
"""

import logging
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from clients.telemetry.spans import NO_SPAN, OpenSpan, SpanKind, SpanSpec, is_on, span
from schemas.errors import TidegateError
from schemas.governor import LeaseClass

_LOG = logging.getLogger(__name__)
_WORDS = frozenset(
    {
        "batches",
        "composite",
        "data",
        "deleted",
        "describe",
        "failedResults",
        "ingest",
        "jobs",
        "limits",
        "query",
        "queryAll",
        "recordCount",
        "results",
        "resultPages",
        "services",
        "sobjects",
        "successfulResults",
        "tooling",
        "unprocessedrecords",
        "updated",
    }
)
"""Segments of paths that Salesforce's documentation names."""
_VERSION = re.compile(r"v\d{2,3}\.0")
_OBJECT = re.compile(r"[A-Za-z]\w{0,79}")
_FIRST_REFUSAL = 400


@dataclass
class CallLine:
    """The line of one call; it is written when the answer is there, or none came."""

    method: str
    path: str
    """From the host on; a query is not looked at."""
    lease_class: LeaseClass
    _began: float = field(default_factory=time.monotonic)
    _held: ExitStack = field(default_factory=ExitStack)
    _span: OpenSpan = NO_SPAN

    def answered(self, status: int) -> None:
        """One line a call, good or refused."""
        self._span.note({"http.response.status_code": status})
        if status >= _FIRST_REFUSAL:
            self._span.fail(str(status))
        self._write(logging.INFO, "Salesforce answered", status)

    def __enter__(self) -> Self:
        if is_on():
            facts = {
                "http.request.method": self.method,
                "url.template": path_template(self.path),
                "tidegate.lease_class": self.lease_class.value,
            }
            self._span = self._held.enter_context(span(SpanSpec("salesforce.call", facts, SpanKind.CLIENT)))
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """An error of ours in place of an answer is a line of level WARNING."""
        if isinstance(error, Exception):
            self._span.fail(type(error.__cause__ or error).__name__)
        self._held.close()
        if isinstance(error, TidegateError):
            kind = type(error.__cause__ or error).__name__
            self._write(logging.WARNING, "Salesforce did not answer", None, kind)

    def _write(self, level: int, event: str, status: int | None, error: str | None = None) -> None:
        if not _LOG.isEnabledFor(level):
            return
        facts = {
            "method": self.method,
            "route": path_template(self.path),
            "status": status,
            "ms": round((time.monotonic() - self._began) * 1_000, 1),
            "lease_class": self.lease_class.value,
            "error": error,
        }
        _LOG.log(level, event, extra={"facts": facts})


def broken_off(method: str, path: str, lease_class: LeaseClass, error: Exception) -> None:
    """A line of level WARNING: an answer that had begun did not come to its end."""
    facts = {
        "method": method,
        "route": path_template(path),
        "lease_class": lease_class.value,
        "error": type(error).__name__,
    }
    _LOG.warning("Salesforce's answer broke off", extra={"facts": facts})


def path_template(path: str) -> str:
    """The path with `{}` for every segment that is neither a documented word nor an object's name.

    `/services/data/v67.0/sobjects/Case/Key__c/42` becomes
    `/services/data/v67.0/sobjects/Case/{}/{}`.
    """
    shown: list[str] = []
    for segment in path.partition("?")[0].split("/"):
        is_known = segment in _WORDS or segment == "" or _VERSION.fullmatch(segment)
        is_object = shown[-1:] == ["sobjects"] and _OBJECT.fullmatch(segment)
        shown.append(segment if is_known or is_object else "{}")
    return "/".join(shown)
