"""Access tokens. A token lives for two hours from its last use, and survives a restart of the
org.
"""

import secrets
from dataclasses import dataclass

from starlette.requests import Request

from sandbox.org.errors import SalesforceError, invalid_session
from sandbox.org.state.org import Org
from schemas.salesforce.limits import SESSION_LIFE

_SCHEMES = frozenset({"bearer", "oauth"})
_SHORT_ORG_ID = 15


@dataclass(slots=True)
class Session:
    """One valid access token."""

    token: str
    user_id: str
    """18 characters."""
    client_id: str
    """The connected app that asked for it."""
    last_used: float
    """Seconds of the org's clock."""


class Sessions:
    """Every session of the org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._store = store = org.store
        now = org.clock.seconds()
        rows = store.connection.execute("SELECT token, user_id, client_id FROM sandbox_sessions")
        self._by_token = {row[0]: Session(row[0], row[1], row[2], now) for row in rows}
        # A restart gives each session its two hours again: Salesforce's sessions do not notice one
        # either.

    def __len__(self) -> int:
        return len(self._by_token)

    def open(self, user_id: str, client_id: str) -> Session:
        """Give out a new token: `<15-character org id>!<opaque>`."""
        token = f"{self._org.identity.org_id[:_SHORT_ORG_ID]}!AQ{secrets.token_urlsafe(72)}"
        session = Session(token, user_id, client_id, self._org.clock.seconds())
        self._by_token[token] = session
        self._store.connection.execute(
            "INSERT INTO sandbox_sessions VALUES (?, ?, ?)", (token, user_id, client_id)
        )
        return session

    def use(self, token: str) -> Session:
        """The session of a token, its life renewed; raises INVALID_SESSION_ID."""
        session = self._by_token.get(token)
        now = self._org.clock.seconds()
        if session is None:
            raise invalid_session()
        if now - session.last_used > self.life_seconds:
            self.close(token)
            raise invalid_session()
        session.last_used = now
        return session

    def find(self, token: str) -> Session | None:
        """The session of a token, its life not renewed; None when it has ended or run out."""
        session = self._by_token.get(token)
        return None if session is None or self.seconds_left(session) < 0 else session

    def is_known(self, token: str) -> bool:
        """True until the session is ended; its time running out does not cut the streams that it
        opened.
        """
        return token in self._by_token

    def seconds_left(self, session: Session) -> float:
        """How long a session lives if nobody uses it again."""
        return session.last_used + self.life_seconds - self._org.clock.seconds()

    @property
    def life_seconds(self) -> float:
        """How long a session lives from its last use."""
        return self._org.dials.auth.session_seconds or SESSION_LIFE.total_seconds()

    def close(self, token: str) -> bool:
        """End a session; False when there is none."""
        self._store.connection.execute("DELETE FROM sandbox_sessions WHERE token = ?", (token,))
        self._org.bus.wake()  # open streams look whether it was theirs
        return self._by_token.pop(token, None) is not None

    def close_all(self) -> int:
        """End every session, as an administrator can; returns how many."""
        count = len(self._by_token)
        self._by_token.clear()
        self._store.connection.execute("DELETE FROM sandbox_sessions")
        self._org.bus.wake()
        return count


def bearer_token(header: str | None) -> str:
    """The token in an Authorization header (`Bearer` or `OAuth`); raises a 401 SalesforceError."""
    if not header:
        raise invalid_session()
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in _SCHEMES or not token.strip():
        raise SalesforceError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", 401)
    return token.strip()


def authenticate(request: Request) -> Session:
    """The session of a request; raises a `SalesforceError` of status 401 when it has none."""
    sessions: Sessions = request.app.state.sessions
    return sessions.use(bearer_token(request.headers.get("authorization")))
