"""Posts messages to receivers, over connections that are kept.

The address is checked where it is connected to: a name that is looked up twice may be answered
otherwise the second time.
"""

import asyncio
import socket
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from schemas.settings.webhook import WebhookSettings
from transforms.webhook.addresses import Network, address_refusal, url_refusal
from transforms.webhook.answers import Answer, Outcome, answer_of

_AGENT: Final = "Tidegate-Webhooks/1"
_MOST_READ: Final = 16 * 1024
"""Bytes of an answer's body that are read, so that its connection can be used again."""
_BODY_SECONDS: Final = 1.0
_KEPT_SECONDS: Final = 4.0
"""Of an idle connection. Servers close them after five seconds or more."""
_LOOKED_UP_SECONDS: Final = 60
_LOOK_UPS: Final = 8
"""Names that are looked up at once; one whose servers are silent takes a thread for half a minute.
"""


class _RefusedAddressError(Exception):
    """No message may be sent to this address. Not an `OSError`: aiohttp would replace its text."""


class _CheckedResolver(AbstractResolver):
    """Looks a name up, and refuses it when one of its addresses is not allowed."""

    def __init__(self, networks: Collection[Network]) -> None:
        self._networks = networks
        self._threads = ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All of a name's addresses."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        for *_, place in found:
            if refusal := address_refusal(ip_address(str(place[0]).partition("%")[0]), self._networks):
                raise _RefusedAddressError(refusal)
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=int(place[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, place in found
        ]

    async def close(self) -> None:
        """End the threads that look names up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Sent:
    """An answer, and how long it took."""

    answer: Answer
    seconds: float


class Sender:
    """Sends for every webhook of a process, on one event loop."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Post a message. Raises nothing: an error is an answer with its reason."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            answer = await self._again(url, headers, body)
        except TimeoutError:
            answer = _failed(f"it did not answer within {self._settings.timeout.total_seconds():g} s")
        except _RefusedAddressError as error:
            answer = _failed(str(error))
        except aiohttp.InvalidURL:
            answer = _failed("its URL has no host that can be asked")
        except aiohttp.ClientConnectorDNSError:
            answer = _failed("its name is not known")
        except aiohttp.ClientConnectorCertificateError:
            answer = _failed("its certificate is not valid")
        except aiohttp.ClientConnectorError as error:
            answer = _failed(f"it cannot be reached: {error.strerror or type(error.os_error).__name__}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            answer = _failed(f"the connection failed: {type(error).__name__}")
        return Sent(answer, loop.time() - began)

    async def close(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()

    async def _again(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        settings = self._settings
        if refusal := url_refusal(url, allow_http=settings.allow_http, networks=settings.networks):
            return _failed(refusal)
        async with asyncio.timeout(settings.timeout.total_seconds()):
            try:
                return await self._post(url, headers, body)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if isinstance(error, aiohttp.ClientConnectorError):
                    raise
            # A connection that was kept, and that the receiver had closed meanwhile.
            return await self._post(url, headers, body)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {"Content-Type": "application/json", "User-Agent": _AGENT, **headers}
        async with self._opened().post(url, data=body, headers=sent, allow_redirects=False) as response:
            answer = answer_of(response.status, response.headers.get("Retry-After"), datetime.now(UTC))
            # The status has said everything; a body that does not come costs the connection only.
            with suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(_BODY_SECONDS):
                    await response.content.read(_MOST_READ)
            return answer

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                resolver=_CheckedResolver(self._settings.networks),
                keepalive_timeout=_KEPT_SECONDS,
                ttl_dns_cache=_LOOKED_UP_SECONDS,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            )
        return self._session


def _failed(reason: str) -> Answer:
    return Answer(Outcome.FAILED, reason)
