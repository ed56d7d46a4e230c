"""`/livez` and `/readyz` of a worker process, for its orchestrator.

Alive: the event loop answers. Ready: the workers poll. A remote that is away makes a worker neither
dead nor unready once it has started, because a restart would not bring it back: alerts say it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from schemas.errors import SettingsError
from schemas.settings.health import HealthSettings

_REQUEST_SECONDS = 5.0
_MOST_HEADERS = 100


@dataclass
class WorkerHealth:
    """How far the process is. Changed by the process, read by its endpoint."""

    ready: bool = False
    detail: str = "starting"
    """Why it is not ready; "" = it is."""

    started: bool = False
    """True from the first moment at which the workers polled: there is work to finish at the
    end.
    """

    def now_ready(self) -> None:
        """The workers poll."""
        self.ready, self.detail, self.started = True, "", True

    def not_ready(self, detail: str) -> None:
        """It waits for a remote, or ends."""
        self.ready, self.detail = False, detail


@asynccontextmanager
async def serving_health(settings: HealthSettings, health: WorkerHealth) -> AsyncIterator[None]:
    """Serve the endpoints until left, if the settings give a port. Raises `SettingsError` when it
    is taken.
    """
    if not settings.port:
        yield
        return
    try:
        server = await asyncio.start_server(
            lambda reader, writer: _answer(reader, writer, health), settings.host, settings.port
        )
    except OSError as error:
        raise SettingsError(
            f"The health endpoints cannot be served at {settings.host}:{settings.port}: {error.strerror}. "
            "Set TIDEGATE_HEALTH__PORT to a free port, or to 0 to serve none."
        ) from error
    async with server:
        yield


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, health: WorkerHealth) -> None:
    try:
        async with asyncio.timeout(_REQUEST_SECONDS):
            method, path = await _request(reader)
            status, body = _response(method, path, health)
            writer.write(_encoded(status, body))
            await writer.drain()
    except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
        return  # nobody who asks in earnest
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Method and path. The headers are read to their end and not looked at."""
    method, path, _ = (await reader.readline()).decode("ascii").split()
    for _ in range(_MOST_HEADERS):
        if (await reader.readline()).strip() == b"":
            break
    return method, path.partition("?")[0]


def _response(method: str, path: str, health: WorkerHealth) -> tuple[HTTPStatus, dict[str, object]]:
    if method not in ("GET", "HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED, {"detail": "GET only"}
    if path in ("/livez", "/healthz"):
        return HTTPStatus.OK, {"alive": True}
    if path == "/readyz":
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, {"ready": health.ready, "detail": health.detail}
    return HTTPStatus.NOT_FOUND, {"detail": "/livez or /readyz"}


def _encoded(status: HTTPStatus, body: dict[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
