"""A door in front of S3 that a test can close: before a request is done, or after it and before its
answer.

The second is the nasty one. The caller cannot tell it from the first, and S3 has done what was
asked.
"""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Fate(Enum):
    """The outcome of a request."""

    PASS = "pass"
    REFUSE = "refuse"
    """The connection ends before S3 hears of it."""
    SWALLOW = "swallow"
    """S3 does it; the connection ends before the answer."""
    LIE = "lie"
    """S3 hears nothing of it, and the answer is 200."""
    FORBID = "forbid"
    """S3 hears nothing of it, and the answer is that of a role without the right."""
    GARBLE = "garble"
    """The body that S3 receives has other bytes."""
    HANG = "hang"
    """Nothing happens until the request would have another outcome; then the connection ends."""


_LOOK_SECONDS = 0.05
Decide = Callable[[str, str], Fate]
"""From a request's method and path."""


class S3Proxy(ThreadingHTTPServer):
    """Passes requests on to S3 at `upstream` (a port), as `decide` says."""

    daemon_threads = True

    def __init__(self, upstream: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.decide: Decide = lambda method, path: Fate.PASS
        self.drops: set[str] = set()
        """Headers, in lower case, that do not get through, as with a gateway that knows nothing of
        them.
        """

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def s3_proxy(upstream: int) -> Iterator[S3Proxy]:
    """A proxy that serves until left."""
    proxy = S3Proxy(upstream)
    serving = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        serving.join()
        proxy.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Proxy
    _HOP_BY_HOP: ClassVar = {"connection", "transfer-encoding", "content-length", "expect"}

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.server.decide(self.command, self.path)
        while fate is Fate.HANG:
            time.sleep(_LOOK_SECONDS)
            if self.server.decide(self.command, self.path) is not Fate.HANG:
                fate = Fate.REFUSE
        if fate is Fate.REFUSE:
            self.close_connection = True
            return
        if fate is Fate.LIE:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fate is Fate.FORBID:
            denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(denied)))
            self.end_headers()
            self.wfile.write(denied)
            return
        if fate is Fate.GARBLE:
            body = bytes(each ^ 1 for each in body)
        status, headers, answer = self._ask(body)
        if fate is Fate.SWALLOW:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in self._HOP_BY_HOP:
                self.send_header(name, value)
        # The answer to HEAD has the length of what GET would bring.
        length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = _serve  # noqa: N815

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=10)
        kept_back = self._HOP_BY_HOP | self.server.drops
        headers = {name: value for name, value in self.headers.items() if name.lower() not in kept_back}
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
