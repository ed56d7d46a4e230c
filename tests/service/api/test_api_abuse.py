"""The HTTP API under slow, large and many requests: one real process, its memory and its other
callers.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.support.builders.waiting import SLOWNESS, wait_for
from tests.support.processes.api_process import ApiProcess, api_process

pytestmark = [pytest.mark.service, pytest.mark.slow]

MIB = 1024 * 1024
MOST_MEMORY = 400 * MIB
LIMITS = {
    "header_time": "PT1S",
    "body_time": "PT5S",
    "idle_time": "PT1S",
    "read_time": "PT2S",
    "connections": 100,
    "requests_of_caller": 4,
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """An API with short times, and nothing behind it that answers."""
    with api_process(tmp_path_factory.mktemp("api"), limits=LIMITS) as running:
        yield running


def connection(api: ApiProcess) -> socket.socket:
    """A connection; it is closed by who takes it."""
    return socket.create_connection(("127.0.0.1", api.port), timeout=20 * SLOWNESS)


def answered(made: socket.socket) -> bytes:
    """The bytes that come until the server ends the connection."""
    found = b""
    while True:
        try:
            part = made.recv(65_536)
        except ConnectionResetError:
            return found
        if not part:
            return found
        found += part


@contextmanager
def peak(api: ApiProcess) -> Iterator[list[int]]:
    """The most memory that the process has while this is open, as the list's only entry."""
    found, is_over = [api.memory()], threading.Event()

    def look() -> None:
        while not is_over.wait(0.05):
            found[0] = max(found[0], api.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def test_a_header_of_20_mb_is_refused_after_a_few_kilobytes(api: ApiProcess) -> None:
    with connection(api) as made:
        made.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: ")
        sent = 0
        try:
            while sent < 20 * MIB:
                sent += made.send(b"a" * 65_536)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert sent < 20 * MIB or b" 431 " in answered(made)
    with connection(api) as made:
        made.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n")
        assert answered(made).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(300)) + b"\r\n",
    ],
    ids=["a long line", "many headers"],
)
def test_what_is_too_much_of_a_head_is_answered_431(api: ApiProcess, head: bytes) -> None:
    with connection(api) as made:
        made.sendall(head)
        assert answered(made).startswith(b"HTTP/1.1 431 ")


def test_a_common_head_of_20_kb_is_served(api: ApiProcess) -> None:
    response = api.ask("GET", "/healthz", headers={"X-Trace": "a" * 20_000})
    assert response.status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /healthz HTT", b"\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"],
    ids=["nothing", "half a line", "blank lines", "half a head"],
)
def test_a_half_open_request_is_ended_in_time(api: ApiProcess, begun: bytes) -> None:
    with connection(api) as made:
        made.sendall(begun)
        began = time.monotonic()
        found = answered(made)
        assert time.monotonic() - began < 5 * SLOWNESS
        assert found == b"" or found.startswith(b"HTTP/1.1 408 ")


def test_headers_that_drip_are_ended_in_time(api: ApiProcess) -> None:
    """One byte at a time keeps no connection."""
    with connection(api) as made:
        began = time.monotonic()
        made.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        with suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() - began < 5 * SLOWNESS:
                made.sendall(b"a")
                time.sleep(0.05)
        assert time.monotonic() - began < 5 * SLOWNESS


def test_a_body_that_drips_is_answered_408(api: ApiProcess) -> None:
    with connection(api) as made:
        token = api.tokens["writer"].encode()
        made.sendall(
            b"POST /v1/writebacks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
            + token
            + b"\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
        )
        began = time.monotonic()
        assert answered(made).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 15 * SLOWNESS


def test_an_answered_request_whose_body_never_ends_keeps_no_connection(api: ApiProcess) -> None:
    with connection(api) as made:
        made.sendall(b"POST /v1/writebacks HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{")
        assert answered(made).startswith(b"HTTP/1.1 401 ")


def test_a_caller_that_takes_no_answer_is_cut_off(api: ApiProcess) -> None:
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        made.settimeout(20 * SLOWNESS)
        made.connect(("127.0.0.1", api.port))
        # The document is longer than what waits in buffers on both sides, asked for again and
        # again.
        for _ in range(8):
            made.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n")
        mine = made.getsockname()[1]

        def is_cut() -> bool:
            return all(each.raddr[1:] != (mine,) for each in api.process.net_connections())

        wait_for(is_cut, seconds=15, why=lambda: "the connection is still there")


def test_more_connections_than_allowed_end_the_idle_ones_and_others_are_served(api: ApiProcess) -> None:
    with ExitStack() as held:
        for _ in range(350):
            made = held.enter_context(connection(api))
            made.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        assert api.ask("GET", "/healthz").status_code == httpx.codes.OK
        assert len(api.process.net_connections()) < 150


def test_pipelined_requests_beyond_a_few_are_refused(api: ApiProcess) -> None:
    with connection(api) as made:
        made.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n" * 5_000)
        answered(made)
    assert api.memory() < MOST_MEMORY


def test_a_body_of_many_tiny_values_is_refused_before_it_is_parsed(api: ApiProcess) -> None:
    body = b'{"writebacks": [' + b"{}," * 1_100_000 + b"{}]}"
    with peak(api) as most:
        response = api.ask(
            "POST", "/v1/writebacks", "writer", content=body, headers={"Content-Type": "application/json"}
        )
    assert response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert most[0] < MOST_MEMORY


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 50_000, b'{"writebacks": ["\\ud800"]}', b"\xff\xfe{", b"\x00", b'"' * 3],
    ids=["deep lists", "deep objects", "half a pair", "UTF-16", "NUL", "quotes"],
)
def test_odd_json_is_the_callers_fault(api: ApiProcess, body: bytes) -> None:
    response = api.ask(
        "POST", "/v1/writebacks", "writer", content=body, headers={"Content-Type": "application/json"}
    )
    # A half of a surrogate pair is a text of JSON's; what should check it does not answer here.
    assert response.status_code in {413, 422, 503}, response.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/quality/redrive", b'{"object": "Ca\\u0000se", "reason": "why"}'),
        ("/v1/quarantine/discard", b'{"batch": "\\u0000", "reason": "why"}'),
        ("/v1/backfills", b'{"object": "Case", "reason": "\\u0000"}'),
    ],
)
def test_a_nul_in_a_body_is_the_callers_fault(api: ApiProcess, path: str, body: bytes) -> None:
    answer = api.ask("POST", path, "operator", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


@pytest.mark.parametrize(
    "path", ["/v1/writebacks?object=%00", "/v1/lanes/%00", "/v1/audit?before=" + "9" * 40]
)
def test_what_no_store_takes_is_the_callers_fault(api: ApiProcess, path: str) -> None:
    assert 400 <= api.ask("GET", path, "operator").status_code < 500


def test_slow_fat_and_many_requests_leave_memory_and_others_alone(api: ApiProcess) -> None:
    """350 half-open connections, 20 headers of 20 MB, and bodies of 16 MB by four callers at
    once.
    """
    is_over = threading.Event()
    seconds: list[float] = []

    def headers() -> None:
        while not is_over.is_set():
            with connection(api) as made:
                try:
                    made.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 20 * MIB)
                except OSError:
                    continue

    def bodies(caller: str) -> None:
        body = b'{"writebacks": [{"object": "' + b"a" * 15 * MIB + b'"}]}'
        while not is_over.is_set():
            try:
                api.ask("POST", "/v1/writebacks", caller, content=body)
            except httpx.TransportError:
                continue

    threads = [threading.Thread(target=headers) for _ in range(4)]
    threads += [threading.Thread(target=bodies, args=(each,)) for each in ("writer", "operator", "second")]
    with peak(api) as most, ExitStack() as held:
        for each in threads:
            each.start()
        try:
            for _ in range(20):
                for _ in range(20):
                    made = held.enter_context(connection(api))
                    try:
                        made.sendall(b"GET / HTTP/1.1\r\nX: ")
                    except OSError:
                        continue
                began = time.monotonic()
                assert api.ask("GET", "/healthz").status_code == httpx.codes.OK
                seconds.append(time.monotonic() - began)
        finally:
            is_over.set()
            for each in threads:
                each.join()
    assert most[0] < MOST_MEMORY, f"{most[0] / MIB:.0f} MiB"
    assert sorted(seconds)[len(seconds) // 2] < 1 * SLOWNESS


def test_one_caller_has_only_so_many_requests_at_once(tmp_path: Path) -> None:
    """A caller whose requests hang is answered 429; another one is served."""
    limits = {"requests_of_caller": 3, "body_time": "PT10M"}
    with api_process(tmp_path, limits=limits) as api, ExitStack() as held:
        head = (
            f"POST /v1/writebacks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {api.tokens['writer']}\r\n"
            "Content-Length: 100\r\n\r\n{"
        )

        def is_refused() -> bool:
            # One more each time: a look that had a place meanwhile kept one of them out.
            held.enter_context(connection(api)).sendall(head.encode())
            return api.ask("GET", "/v1/writebacks", "writer").status_code == httpx.codes.TOO_MANY_REQUESTS

        wait_for(is_refused, seconds=10)
        refused = api.ask("GET", "/v1/writebacks", "writer")
        assert refused.json()["type"].endswith("too-many-requests")
        assert int(refused.headers["Retry-After"]) > 0
        assert api.ask("GET", "/v1/catalogue", "reader").status_code == httpx.codes.OK
