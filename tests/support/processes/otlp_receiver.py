"""A receiver of OTLP over HTTP, in the test's process: real spans as a backend gets them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.builders.waiting import limit_in


@dataclass(frozen=True)
class Received:
    """A span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a first span."""
    links: tuple[tuple[str, str], ...]
    """Trace and span ids."""
    attributes: dict[str, Any]
    process: str
    is_error: bool
    status_message: str
    events: int


@dataclass
class Receiver:
    """Spans in the order of their arrival, and the requests as they came."""

    url: str
    spans: list[Received] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> list[Received]:
        """Every span of a name."""
        return [each for each in list(self.spans) if each.name == name]

    def of_trace(self, trace_id: str) -> list[Received]:
        """Every span of a trace."""
        return [each for each in list(self.spans) if each.trace_id == trace_id]

    def wait_for(self, found: Callable[["Receiver"], bool], *, seconds: float = 30) -> None:
        """Return when `found` is true of what came. Fail with the names that came."""
        limit = limit_in(seconds)
        while not found(self):
            assert time.monotonic() < limit, sorted({each.name for each in self.spans})
            time.sleep(0.2)


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Serve on a free port until left."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.bodies.append(body)
            receiver.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for resource in request.resource_spans:
        process = _attributes(resource.resource.attributes)["service.instance.id"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    links=tuple((each.trace_id.hex(), each.span_id.hex()) for each in span.links),
                    attributes=_attributes(span.attributes),
                    process=process,
                    is_error=span.status.code == span.status.STATUS_CODE_ERROR,
                    status_message=span.status.message,
                    events=len(span.events),
                )


def _attributes(given: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        found[each.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return found
