"""Sessions of the console: a signed cookie says who it is, and until when.

Nothing of a session is stored but its end (`clients.database.console_sessions`). Every API process
with the same `TIDEGATE_API__CONSOLE__SESSION_KEY` accepts it.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import jwt

from api.middleware.auth import Gate
from clients.database.console_sessions import EndedSessions
from schemas.errors import UnavailableError
from schemas.security.access import Caller, CallerRole
from schemas.settings.api import ApiSettings
from schemas.settings.console import SESSION_LENGTH

CONSOLE_ROLES = frozenset({CallerRole.READER, CallerRole.AUDITOR, CallerRole.OPERATOR})
"""Writers and guests are programs of others: they have no console."""
_ALGORITHM = "HS256"
_AUDIENCE = "tidegate-console"
_SILENT_SECONDS = 10
"""The store is not asked again for this long after it gave no answer."""
_OIDC = "oidc:"


class Standing(StrEnum):
    """Whether a session still holds."""

    OPEN = "open"
    ENDED = "ended"
    UNKNOWN = "unknown"
    """The operational store does not answer: looks are allowed, acts are not."""


@dataclass(frozen=True)
class Session:
    """Somebody who is logged in."""

    caller: Caller
    id: str
    began_at: datetime
    expires_at: datetime
    csrf: str
    """Every form that changes something carries it."""

    @property
    def is_operator(self) -> bool:
        """True when acts are offered, and values are shown."""
        return self.caller.role is CallerRole.OPERATOR


class Sessions:
    """Begins sessions, reads their cookies, and knows which were ended."""

    def __init__(self, settings: ApiSettings, ended: Callable[[], EndedSessions], gate: Gate) -> None:
        """`gate`: knows whether the token that a session began with is still good."""
        key = settings.console.session_key
        self._key = secrets.token_bytes(32) if key is None else key.get_secret_value().encode()
        self._gate = gate
        self._has_issuer = settings.console.login is not None
        self._ended = ended
        self._silent_until = 0.0

    def begin(self, caller: Caller) -> tuple[Session, str]:
        """A new session and its cookie's value."""
        now = datetime.now(UTC).replace(microsecond=0)
        session_id = secrets.token_urlsafe(24)
        claims = {
            "aud": _AUDIENCE,
            "sub": caller.name,
            "role": str(caller.role),
            "jti": session_id,
            "iat": now,
            "exp": now + SESSION_LENGTH,
        }
        session = Session(caller, session_id, now, now + SESSION_LENGTH, self._csrf(session_id))
        return session, jwt.encode(claims, self._key, _ALGORITHM)

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie. None: it is not ours, out of date, or its token was withdrawn
        or given another role.
        """
        required = ["exp", "iat", "sub", "jti", "role"]
        try:
            claims = jwt.decode(
                cookie,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": required},
            )
            caller = Caller(name=claims["sub"], role=CallerRole(claims["role"]))
        except (jwt.PyJWTError, ValueError):
            return None
        if caller.role not in CONSOLE_ROLES or not self._is_known(caller):
            return None
        began, ends = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        return Session(caller, claims["jti"], began, ends, self._csrf(claims["jti"]))

    async def fresh(self) -> None:
        """Have withdrawn tokens known before a session is read."""
        await self._gate.fresh()

    async def standing(self, session: Session) -> Standing:
        """Whether somebody ended it."""
        if time.monotonic() < self._silent_until:
            return Standing.UNKNOWN
        try:
            is_ended = await asyncio.to_thread(self._ended().is_ended, session.id)
        except UnavailableError:
            self._silent_until = time.monotonic() + _SILENT_SECONDS
            return Standing.UNKNOWN
        return Standing.ENDED if is_ended else Standing.OPEN

    async def end(self, session: Session) -> None:
        """End it in every process.

        Raises:
            UnavailableError: The operational store does not answer; the session is still open.
        """
        await asyncio.to_thread(self._ended().end, session.id, session.expires_at)

    def sealed(self, claims: dict[str, str], seconds: int) -> str:
        """A signed note to ourselves, as of a login under way; good for so many seconds."""
        whole = {**claims, "aud": "tidegate-console-note", "exp": int(time.time()) + seconds}
        return jwt.encode(whole, self._key, _ALGORITHM)

    def unsealed(self, note: str) -> dict[str, str] | None:
        """The claims that `sealed` was given; None when it is out of date, or not ours."""
        try:
            found: dict[str, str] = jwt.decode(
                note, self._key, algorithms=[_ALGORITHM], audience="tidegate-console-note"
            )
        except jwt.PyJWTError:
            return None
        return found

    def _csrf(self, session_id: str) -> str:
        return hmac.new(self._key, f"csrf {session_id}".encode(), hashlib.sha256).hexdigest()

    def _is_known(self, caller: Caller) -> bool:
        if caller.name.startswith(_OIDC):
            return self._has_issuer
        return self._gate.knows(caller)
