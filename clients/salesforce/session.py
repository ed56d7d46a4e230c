"""Salesforce's token endpoint: who we are, and a session to speak with.

Three grants (REST API Developer Guide, "Authorization Through Connected Apps"): client
credentials for a server without a user, JWT bearer where a key is trusted instead of a secret,
username and password for old orgs.
"""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import jwt

from clients.metrics.calls import count_unpaid, outcome_of
from clients.salesforce.login_backoff import LoginBackoff, RefusedLogin
from schemas.errors import CredentialsRejectedError, SettingsError, UnavailableError
from schemas.salesforce.limits import API_VERSION

_SYSTEM = "Salesforce"
_ASSERTION_LIFE = timedelta(minutes=3)
_REFUSED = range(400, 500)
_LATER = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}

Grant = Literal["client_credentials", "jwt_bearer", "password"]


@dataclass(frozen=True)
class SalesforceAddress:
    """The org's address and the login. Fields that the chosen grant does not need may be None."""

    login_url: str
    client_id: str
    grant: Grant = "client_credentials"
    client_secret: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    private_key_file: Path | None = None
    api_version: str = API_VERSION


@dataclass(frozen=True)
class Session:
    """An access token and where to use it."""

    access_token: str = field(repr=False)
    instance_url: str
    token_type: str = "Bearer"  # noqa: S105 -- the scheme's name
    user_id: str = ""
    """Our user, from the token's identity address (OAuth API, "Identity URLs"); empty when the
    answer has none.
    """
    org_id: str = ""
    """Of which org, 18 characters, from the same address; empty when the answer has none."""


@dataclass(frozen=True)
class ServedVersions:
    """The answer of the list of versions."""

    versions: frozenset[str]
    """`67.0` and older ones."""
    date: str
    """The answer's Date header; empty when a proxy has taken it away."""
    asked_at: datetime
    """Of our clock, UTC, when the question was sent."""
    took: timedelta


async def served_versions(instance_url: str) -> ServedVersions:
    """The API versions that the org serves. Needs no session and is not an API call (REST API
    Developer Guide, "Versions").

    Raises `UnavailableError` for no answer, and for another one than a list of versions.
    """
    url = f"{instance_url}/services/data"
    asked_at, began = datetime.now(UTC), time.monotonic()
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            answer = await _counted("versions", http.get(url))
        took = timedelta(seconds=time.monotonic() - began)
        versions = frozenset(str(each["version"]) for each in answer.raise_for_status().json())
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise UnavailableError(system=_SYSTEM, detail=f"{url}: {type(error).__name__}") from error
    return ServedVersions(versions, answer.headers.get("Date", ""), asked_at, took)


class SessionSource:
    """Logs in when asked. One for a process: callers share the session until one of them finds it
    expired, and a failed login until the next may be tried (`LoginBackoff`).
    """

    def __init__(self, address: SalesforceAddress) -> None:
        self._address = address
        self._session: Session | None = None
        self._lock = asyncio.Lock()
        self._backoff = LoginBackoff()

    async def session(self) -> Session:
        """The present session, after a login if there is none yet.

        Raises `CredentialsRejectedError` or `UnavailableError`: of this login, or of the last one
        while it is too early for another.
        """
        async with self._lock:
            return self._session or await self._new_session()

    async def renew(self, expired: Session | None) -> Session:
        """A session newer than `expired`; of many callers with the same expired session one logs
        in. Raises as `session`.
        """
        async with self._lock:
            if self._session is None or self._session == expired:
                self._session = None
                return await self._new_session()
            return self._session

    def allow_login(self) -> None:
        """Try the next login at once, however many were refused: an operator has acted."""
        self._backoff.allow_now()

    def refused_login(self) -> RefusedLogin | None:
        """The refusal of the last login; None: it was not refused."""
        return self._backoff.refused

    async def _new_session(self) -> Session:
        await self._backoff.wait()
        try:
            session = self._session = await self._log_in()
        except (CredentialsRejectedError, UnavailableError) as error:
            raise self._backoff.failed(error) from error
        self._backoff.worked()
        return session

    async def _log_in(self) -> Session:
        url = f"{self._address.login_url}/services/oauth2/token"
        try:
            async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
                response = await _counted("login", http.post(url, data=self._form()))
        except httpx.HTTPError as error:
            raise UnavailableError(system=_SYSTEM, detail=f"{url}: {type(error).__name__} {error}") from error
        answer = _json(response)
        if response.status_code in _REFUSED and response.status_code not in _LATER:
            raise CredentialsRejectedError(
                system=_SYSTEM,
                error_code=str(answer.get("error", response.status_code)),
                detail=str(answer.get("error_description", "no description")),
                setting=f"TIDEGATE_SALESFORCE__* (grant {self._address.grant}, login at {self._address.login_url})",
            )
        if response.status_code != httpx.codes.OK or "access_token" not in answer:
            raise UnavailableError(
                system=_SYSTEM, detail=f"the token endpoint answers {response.status_code}"
            )
        identity, _, user_id = str(answer.get("id", "")).rpartition("/")
        return Session(
            access_token=str(answer["access_token"]),
            instance_url=str(answer["instance_url"]),
            token_type=str(answer.get("token_type", "Bearer")),
            user_id=user_id,
            org_id=identity.rpartition("/")[2],
        )

    def _form(self) -> dict[str, str]:
        address = self._address
        if address.grant == "client_credentials":
            secret = _needed(address.client_secret, "CLIENT_SECRET")
            return {
                "grant_type": "client_credentials",
                "client_id": address.client_id,
                "client_secret": secret,
            }
        if address.grant == "password":
            return {
                "grant_type": "password",
                "client_id": address.client_id,
                "client_secret": _needed(address.client_secret, "CLIENT_SECRET"),
                "username": _needed(address.username, "USERNAME"),
                "password": _needed(address.password, "PASSWORD"),
            }
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion()}

    def _assertion(self) -> str:
        address = self._address
        key_file = address.private_key_file
        if key_file is None or not key_file.exists():
            raise SettingsError(
                f"The private key {key_file} is missing. Set TIDEGATE_SALESFORCE__PRIVATE_KEY_FILE."
            )
        claims = {
            "iss": address.client_id,
            "sub": _needed(address.username, "USERNAME"),
            "aud": address.login_url,
            "exp": datetime.now(UTC) + _ASSERTION_LIFE,
        }
        return jwt.encode(claims, key_file.read_bytes(), algorithm="RS256")


async def _counted(api: str, asking: Awaitable[httpx.Response]) -> httpx.Response:
    outcome = "lost"
    try:
        response = await asking
        outcome = outcome_of(response.status_code)
        return response
    finally:
        count_unpaid(api, outcome)


def _needed(value: str | None, setting: str) -> str:
    if not value:
        raise SettingsError(
            f"The chosen grant needs TIDEGATE_SALESFORCE__{setting}. Set it, or choose another grant."
        )
    return value


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
