"""The API of another org, asked for its status as any reader asks."""

import ssl
from pathlib import Path
from typing import Final

import httpx
from pydantic import ValidationError

from schemas.errors import SettingsError
from schemas.status import EngineStatus

_LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a report. One of a thousand objects has 400 KB."""
_LONGEST_SECONDS: Final = 30.0
"""The longest time of a member."""
_DETAIL: Final = 160
"""Characters of a reason."""
_PATH: Final = "/v1/status"


class NoReportError(Exception):
    """An API gave no report: why, what to do, and whether it refuses the token. It becomes a line
    of the fleet, and reaches nobody else.
    """

    def __init__(self, why: str, remedy: str, *, is_refused: bool = False) -> None:
        self.why, self.remedy, self.is_refused = why, remedy, is_refused
        super().__init__(f"No report: {why}. {remedy}")


def open_http(ca_file: Path | None, at_once: int) -> httpx.AsyncClient:
    """A client for all members. It follows no redirect: a token goes to its own API alone.

    Args:
        ca_file: PEM file of authorities. None = `SSL_CERT_FILE`, or the built-in list.
        at_once: Connections that may be open.

    Raises:
        SettingsError: The file cannot be used.
    """
    try:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise SettingsError(
            f"TIDEGATE_FLEET__CA_FILE: {ca_file} cannot be used: {error.strerror}."
        ) from error
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    return httpx.AsyncClient(verify=verify, trust_env=True, timeout=_LONGEST_SECONDS, limits=limits)


async def read_status(http: httpx.AsyncClient, url: str, token: str) -> EngineStatus:
    """The report of one API. The caller bounds the time.

    Raises:
        NoReportError: It cannot be reached, refuses the token, or answers anything else.
    """
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    try:
        async with http.stream("GET", f"{url}{_PATH}", headers=headers) as response:
            _check(response)
            body = await _bounded(response)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
        raise _unreachable(error) from error
    try:
        # A newer release may say more; what it says beside is passed over.
        return EngineStatus.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        raise _other_form(f"its answer is no status report ({error.error_count()} faults)") from None


def _check(response: httpx.Response) -> None:
    code = response.status_code
    if code == httpx.codes.OK:
        return
    if code == httpx.codes.UNAUTHORIZED:
        raise NoReportError(
            "it refuses the token (401)",
            "Make a new one at that org, `tidegate api token fleet --role reader`, and put it into its member.",
            is_refused=True,
        )
    if code == httpx.codes.FORBIDDEN:
        raise NoReportError(
            "the token may not read the status (403)",
            "Give the member a token of the role reader.",
            is_refused=True,
        )
    if code >= httpx.codes.INTERNAL_SERVER_ERROR or code == httpx.codes.TOO_MANY_REQUESTS:
        raise NoReportError(
            f"its API answers {code}", "Look at the log of its API and of the proxy before it."
        )
    raise _other_form(f"it answers {code} in place of a status report")


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _LARGEST:
            raise _other_form(f"its answer is larger than {_LARGEST:,} bytes")
    return bytes(body)


def _other_form(why: str) -> NoReportError:
    return NoReportError(why, "Check its url, and the release of its API.")


def _unreachable(error: Exception) -> NoReportError:
    lines = str(error).strip().splitlines() or [""]
    detail = lines[0][:_DETAIL] if isinstance(error, httpx.ConnectError) else ""
    said = f"{type(error).__name__}: {detail}" if detail else type(error).__name__
    return NoReportError(
        f"its API cannot be reached ({said})",
        "Check its url, the network and its certificate, then its process: tidegate api.",
    )
