"""Spans by OpenTelemetry, sent as OTLP over HTTP. Imported only by a process with an endpoint.

Only spans that this module is asked for exist: the sampler drops every other one, such as a
library's own, whose attributes nobody has looked at (law 7).
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes
from temporalio.contrib.opentelemetry import create_tracer_provider
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from clients.ca_bundle import ca_bundle
from clients.telemetry.spans import (
    MOST_LINKS,
    NO_SPAN,
    AttributeValue,
    OpenSpan,
    Sampling,
    SpanKind,
    SpanRef,
    SpanSpec,
)
from schemas.errors import TransientError
from schemas.ids import root_span_id_of, trace_id_of
from schemas.settings.telemetry import TelemetrySettings

_MOST_ATTRIBUTE = 256
"""Characters of an attribute."""
_RATIO_BITS = (1 << 64) - 1
_KINDS = {each: trace.SpanKind[each.name] for each in SpanKind}
_EMPTY = Context()


@dataclass(frozen=True)
class _Asked:
    """The span that is being made: the share of its kind, and the ids of a first span."""

    ratio: float
    trace_id: int | None = None
    span_id: int | None = None


_ASKED: ContextVar[_Asked | None] = ContextVar("tidegate_asked_span", default=None)


class _Ids(RandomIdGenerator):
    """Derived ids for a first span of a workflow's trace, drawn ones for all others."""

    def generate_trace_id(self) -> int:
        asked = _ASKED.get()
        return asked.trace_id if asked is not None and asked.trace_id else super().generate_trace_id()

    def generate_span_id(self) -> int:
        asked = _ASKED.get()
        return asked.span_id if asked is not None and asked.span_id else super().generate_span_id()


class _OursOnly(Sampler):
    """Child spans follow their parent; a first span is recorded by its trace id, so that every
    process decides alike. Spans that `OtelSpans` did not ask for are dropped.
    """

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002
        kind: trace.SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        asked = _ASKED.get()
        parent = trace.get_current_span(parent_context).get_span_context()
        if asked is None:
            is_recorded = False
        elif parent.is_valid:
            is_recorded = parent.trace_flags.sampled
        else:
            is_recorded = (trace_id & _RATIO_BITS) < round(asked.ratio * (_RATIO_BITS + 1))
        decision = Decision.RECORD_AND_SAMPLE if is_recorded else Decision.DROP
        return SamplingResult(decision, attributes if is_recorded else None, trace_state)

    def get_description(self) -> str:
        return "spans of Tidegate"


class OtelSpans:
    """The maker of spans of this process; `close` sends what is left."""

    def __init__(self, settings: TelemetrySettings, *, org: str, process: str) -> None:
        """Begin to send. The first one of a process also gives Temporal's plugin its provider."""
        resource = Resource(
            {
                "service.name": "tidegate",
                "service.instance.id": f"{process}:{os.getpid()}",
                "tidegate.org": org,
            }
        )
        self._provider = create_tracer_provider(
            sampler=_OursOnly(),
            resource=resource,
            shutdown_on_exit=False,
            id_generator=_Ids(),
            span_limits=SpanLimits(max_span_attribute_length=_MOST_ATTRIBUTE, max_links=MOST_LINKS),
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{(settings.endpoint or '').rstrip('/')}/v1/traces",
            certificate_file=ca_bundle("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            timeout=5,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1_000))
        trace.set_tracer_provider(self._provider)
        self._tracer = self._provider.get_tracer("tidegate")
        self._ratios = {
            Sampling.BATCHES: settings.sample_batches,
            Sampling.PAGES: settings.sample_pages,
            Sampling.WRITES: settings.sample_writes,
            Sampling.READS: settings.sample_reads,
        }

    def close(self) -> None:
        """Send what is left, for a few seconds. Blocks."""
        self._provider.force_flush(5_000)
        self._provider.shutdown()

    @contextmanager
    def open(self, spec: SpanSpec) -> Iterator[OpenSpan]:
        """As `SpanMaker.open`."""
        made = self._start(spec)
        if made is None:
            yield NO_SPAN
            return
        opened = _Opened(made)
        with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield opened
            except Exception as error:
                if not _is_expected(error):
                    opened.fail(_kind(error))
                raise

    def record(self, spec: SpanSpec, ended_ns: int) -> None:
        """As `SpanMaker.record`."""
        made = self._start(spec)
        if made is not None:
            made.end(ended_ns)

    def current(self) -> SpanRef | None:
        """As `SpanMaker.current`."""
        return _ref(trace.get_current_span().get_span_context())

    def note(self, attributes: Mapping[str, AttributeValue]) -> None:
        """As `SpanMaker.note`."""
        trace.get_current_span().set_attributes(attributes)

    def link(self, refs: Iterable[SpanRef]) -> None:
        """As `SpanMaker.link`."""
        _Opened(trace.get_current_span()).link(refs)

    def _start(self, spec: SpanSpec) -> Span | None:
        """The span; None for one that would be a child and has no recorded parent."""
        context, links = _EMPTY, list(spec.links)
        asked = _Asked(self._ratios[spec.sampling])
        at_hand = trace.get_current_span()
        here = _ref(at_hand.get_span_context())
        if spec.parent is not None:
            context = trace.set_span_in_context(NonRecordingSpan(_context(spec.parent)), _EMPTY)
        elif spec.workflow_id:
            trace_id = trace_id_of(spec.workflow_id)
            if here is not None and here.trace_id == trace_id:
                context = trace.set_span_in_context(at_hand, _EMPTY)
            else:
                first = int(root_span_id_of(spec.workflow_id), 16) if spec.is_first else None
                asked = _Asked(asked.ratio, int(trace_id, 16), first)
                links += [here] if here is not None and spec.links_here else []
        elif not spec.is_root:
            if not at_hand.is_recording():
                return None
            context = trace.set_span_in_context(at_hand, _EMPTY)
        token = _ASKED.set(asked)
        try:
            return self._tracer.start_span(
                spec.name,
                context,
                _KINDS[spec.kind],
                spec.attributes,
                [Link(_context(each)) for each in links[:MOST_LINKS]],
                spec.began_ns,
            )
        finally:
            _ASKED.reset(token)


class _Opened:
    def __init__(self, made: Span) -> None:
        self._span = made

    @property
    def ref(self) -> SpanRef | None:
        return _ref(self._span.get_span_context())

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Mapping[str, AttributeValue]) -> None:
        self._span.set_attributes(attributes)

    def link(self, refs: Iterable[SpanRef]) -> None:
        for each in refs:
            self._span.add_link(_context(each))

    def fail(self, kind: str) -> None:
        # No description: an error's words may quote a row.
        self._span.set_status(Status(StatusCode.ERROR))
        self._span.set_attribute("error.type", kind)


def _ref(context: SpanContext) -> SpanRef | None:
    if not context.is_valid:
        return None
    return SpanRef(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)


def _context(ref: SpanRef) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if ref.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(int(ref.trace_id, 16), int(ref.span_id, 16), is_remote=True, trace_flags=flags)


def _kind(error: BaseException) -> str:
    code = error.type if isinstance(error, ApplicationError) else getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__name__


def _is_expected(error: BaseException) -> bool:
    """True for an error that is part of normal work."""
    if isinstance(error, ApplicationError):
        return error.category == ApplicationErrorCategory.BENIGN
    return isinstance(error, TransientError) and error.is_expected
