"""Spans as the engine's code makes them. Nothing of OpenTelemetry is imported here.

A process without an endpoint has no maker of spans; `span` then costs a function call. An
attribute, a name and a status hold no value of a record, no query and no text of an error.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from schemas.ids import root_span_id_of, trace_id_of

AttributeValue = str | int | float | bool | Sequence[str]
MOST_LINKS = 128
"""Links of one span; the SDK's own limit."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1


class SpanKind(StrEnum):
    """The role of a span, in OpenTelemetry's words."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Sampling(StrEnum):
    """The share of traces that is recorded, by the kind of their first span."""

    BATCHES = "batches"
    PAGES = "pages"
    WRITES = "writes"
    READS = "reads"


@dataclass(frozen=True)
class SpanRef:
    """A span somewhere: the ids by which another span is its child or links to it."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    is_sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The W3C header, 55 characters."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


@dataclass(frozen=True)
class SpanSpec:
    """A span to be made.

    Args:
        name: Short and of few kinds: no id.
        attributes: Facts.
        kind: Its role.
        parent: Its parent. None = the span at hand.
        workflow_id: The span belongs to this workflow's trace. It is a child of the span at hand
            when that is in the trace; else it is a first span there. Empty = the span is made only
            as a child.
        is_first: The first span has the derived id, to which others link. At most one span of a
            workflow may be so.
        links_here: A first span links to the span at hand.
        is_root: The span begins a trace of its own, with ids that are drawn.
        links: Other spans.
        sampling: The share that is recorded when the span begins a trace.
        began_ns: Epoch nanoseconds. None = now.
    """

    name: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    kind: SpanKind = SpanKind.INTERNAL
    parent: SpanRef | None = None
    workflow_id: str = ""
    is_first: bool = False
    links_here: bool = True
    is_root: bool = False
    links: Sequence[SpanRef] = ()
    sampling: Sampling = Sampling.BATCHES
    began_ns: int | None = None


class OpenSpan(Protocol):
    """A span that has not ended."""

    @property
    def ref(self) -> SpanRef | None:
        """Its ids; None where no spans are made."""

    def rename(self, name: str) -> None:
        """Give it another name."""

    def note(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Add facts."""

    def link(self, refs: Iterable[SpanRef]) -> None:
        """Link to other spans."""

    def fail(self, kind: str) -> None:
        """It failed; `kind` is an error's code or class."""


class SpanMaker(Protocol):
    """Makes spans: `clients.telemetry.otel.OtelSpans`."""

    def open(self, spec: SpanSpec) -> AbstractContextManager[OpenSpan]:
        """The span, which is the span at hand inside the context, and ends with it.

        An error that leaves the context fails it.
        """

    def record(self, spec: SpanSpec, ended_ns: int) -> None:
        """A span of the past: `spec.began_ns` to `ended_ns`."""

    def current(self) -> SpanRef | None:
        """The span at hand, recorded or not."""

    def note(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Add facts to the span at hand."""

    def link(self, refs: Iterable[SpanRef]) -> None:
        """Link the span at hand to others."""


class _NoSpan:
    ref: SpanRef | None = None

    def rename(self, name: str) -> None:
        pass

    def note(self, attributes: Mapping[str, AttributeValue]) -> None:
        pass

    def link(self, refs: Iterable[SpanRef]) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass


NO_SPAN: OpenSpan = _NoSpan()
_OFF = nullcontext(NO_SPAN)


class _Process:
    """The maker of the process; None = no spans are made."""

    maker: SpanMaker | None = None


def install(maker: SpanMaker | None) -> None:
    """Make spans with `maker` from here on; None: make none."""
    _Process.maker = maker


def is_on() -> bool:
    """True when the process makes spans."""
    return _Process.maker is not None


def span(spec: SpanSpec) -> AbstractContextManager[OpenSpan]:
    """Make a span for the time of the context; see `SpanMaker.open`."""
    return _OFF if _Process.maker is None else _Process.maker.open(spec)


def record_span(spec: SpanSpec, ended_ns: int) -> None:
    """Make a span of the past."""
    if _Process.maker is not None:
        _Process.maker.record(spec, ended_ns)


def current_span() -> SpanRef | None:
    """The span at hand; None outside of one."""
    return None if _Process.maker is None else _Process.maker.current()


def note_on_span(attributes: Mapping[str, AttributeValue]) -> None:
    """Add facts to the span at hand."""
    if _Process.maker is not None:
        _Process.maker.note(attributes)


def link_span(refs: Iterable[SpanRef]) -> None:
    """Link the span at hand to others, each once, at most `MOST_LINKS`."""
    if _Process.maker is not None:
        _Process.maker.link(list(dict.fromkeys(refs))[:MOST_LINKS])


def first_span_of(workflow_id: str) -> SpanRef:
    """The first span of a workflow's trace, derived."""
    return SpanRef(trace_id_of(workflow_id), root_span_id_of(workflow_id))


def parse_traceparent(text: str | None) -> SpanRef | None:
    """The span that a W3C `traceparent` header names; None for none, or a malformed one."""
    found = _TRACEPARENT.fullmatch(text or "")
    if found is None or set(found[1]) == {"0"} or set(found[2]) == {"0"}:
        return None
    return SpanRef(found[1], found[2], bool(int(found[3], 16) & _SAMPLED))
