"""Grants that outlive an access token: refresh tokens with their rotation, and codes that are
exchanged once.

With rotation on, every refresh answers with a new token and the old one is spent; somebody who
comes with a spent one may be a thief, so the whole grant ends, its sessions included (Salesforce
Help, "Refresh Token Rotation").
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sandbox.org.auth.errors import OAuthError
from sandbox.org.auth.sessions import Sessions
from sandbox.org.state.org import Org

CODE_SECONDS = 900
"""How long an authorization code is good for."""
_FIRST_GRANT = "first"
"""Of the refresh token that the org came with."""


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that waits to be exchanged."""

    redirect_uri: str
    challenge: str
    """PKCE, S256; empty when the client did not use it."""
    issued_at: float


class Grants:
    """The refresh tokens and codes of the org's one connected app."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org = org
        self._sessions = sessions
        self._connection = org.store.connection
        self._codes: dict[str, Code] = {}

    def grant_of(self, token: str) -> str:
        """The grant that a refresh token belongs to; raises `OAuthError` for one that is unknown,
        revoked or spent.
        """
        grant_id, spent = self._find(token) or ("", False)
        if spent:
            self.revoke(grant_id)
        if spent or not grant_id:
            raise OAuthError("invalid_grant", "expired access/refresh token")
        return grant_id

    def bind(self, access_token: str, grant_id: str) -> None:
        """Let a session end with its grant."""
        self._connection.execute(
            "DELETE FROM sandbox_grant_sessions WHERE token NOT IN (SELECT token FROM sandbox_sessions)"
        )
        self._connection.execute("INSERT INTO sandbox_grant_sessions VALUES (?, ?)", (access_token, grant_id))

    def rotated(self, token: str, grant_id: str) -> str | None:
        """The token that replaces `token`; None when rotation is off and it stays good."""
        if not self._org.dials.auth.rotate_refresh_tokens:
            return None
        self._connection.execute("UPDATE sandbox_refresh_tokens SET spent = 1 WHERE token = ?", (token,))
        return self.new(grant_id)

    def new(self, grant_id: str) -> str:
        """A new refresh token of a grant."""
        token = "5Aep861" + secrets.token_urlsafe(48)
        self._keep(token, grant_id)
        return token

    def revoke(self, grant_id: str) -> None:
        """End a grant: none of its refresh tokens is good any more, and none of its sessions."""
        ended = self._connection.execute(
            "DELETE FROM sandbox_grant_sessions WHERE grant_id = ? RETURNING token", (grant_id,)
        ).fetchall()
        for (access_token,) in ended:
            self._sessions.close(access_token)
        # Remembered as spent and not forgotten: a restart must not make the first one good again.
        self._connection.execute(
            "UPDATE sandbox_refresh_tokens SET spent = 1 WHERE grant_id = ?", (grant_id,)
        )

    def revoke_token(self, token: str) -> bool:
        """End the grant of a refresh token; False when it is none."""
        found = self._find(token)
        if found is not None:
            self.revoke(found[0])
        return found is not None

    def is_good(self, token: str) -> bool:
        """True for a refresh token that would be taken now."""
        found = self._find(token)
        return found is not None and not found[1]

    def issue_code(self, redirect_uri: str, challenge: str) -> str:
        """An authorization code for a client that asked at /services/oauth2/authorize."""
        code = "aPrx" + secrets.token_urlsafe(48)
        self._codes[code] = Code(redirect_uri, challenge, self._org.clock.seconds())
        return code

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> None:
        """Use a code up; raises `OAuthError` when it is not good or not the client's."""
        found = self._codes.pop(code, None)
        if found is None or self._org.clock.seconds() - found.issued_at > CODE_SECONDS:
            raise OAuthError("invalid_grant", "expired authorization code")
        if found.redirect_uri != redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        digest = hashlib.sha256(verifier.encode()).digest()
        if found.challenge and base64.urlsafe_b64encode(digest).decode().rstrip("=") != found.challenge:
            raise OAuthError("invalid_grant", "invalid code verifier")

    def _find(self, token: str) -> tuple[str, bool] | None:
        """The grant of a refresh token, and whether the token is spent; None for one that was never
        given out.
        """
        if hmac.compare_digest(token.encode(), self._org.identity.refresh_token.encode()):
            self._keep(token, _FIRST_GRANT)
        row = self._connection.execute(
            "SELECT grant_id, spent FROM sandbox_refresh_tokens WHERE token = ?", (token,)
        ).fetchone()
        return None if row is None else (str(row[0]), bool(row[1]))

    def _keep(self, token: str, grant_id: str) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO sandbox_refresh_tokens (token, grant_id) VALUES (?, ?)", (token, grant_id)
        )


def user_of(org: Org, username: str, password: str) -> str | None:
    """Id of the user who logs in so; None for a wrong pair. A client may append a security token:
    this org has none, and takes any.
    """
    row = org.store.connection.execute(
        'SELECT Id FROM "User" WHERE Username = ? COLLATE NOCASE AND IsActive = 1', (username,)
    ).fetchone()
    own = org.permissions.password_of(str(row[0])) if row else None
    if own is None:
        return None
    right = hmac.compare_digest(password[: len(own)].encode(), own.encode())
    token = password[len(own) :]
    return str(row[0]) if right and (not token or token.isalnum()) else None
