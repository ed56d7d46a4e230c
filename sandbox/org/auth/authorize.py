"""A client's request at /services/oauth2/authorize, checked before anything is approved.

A wrong client or redirect address is shown on the page; everything else goes back to the client
that asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sandbox.org.auth.errors import OAuthError
from sandbox.org.data.identity import COMMAND_LINE, Identity

_SCRIPTS = frozenset({"javascript", "data", "vbscript"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where the answer goes."""

    redirect_uri: str
    state: str | None
    error: OAuthError | None
    """Why nothing is approved; None when it is."""

    def with_answer(self, **answer: str) -> str:
        """The client's address with the answer in its query, the state it gave among it."""
        told = answer if self.state is None else answer | {"state": self.state}
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{urlencode(told)}"


def approved(identity: Identity, asked: Mapping[str, str]) -> Target:
    """Where to send a code, or an error; raises `OAuthError` when there is nobody to send it to."""
    if asked.get("client_id") not in (identity.client_id, COMMAND_LINE):
        raise OAuthError("invalid_client_id", "client identifier invalid")
    redirect_uri = asked.get("redirect_uri", "")
    if not _is_address(redirect_uri):
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    return Target(redirect_uri, asked.get("state"), _wrong(asked))


def _is_address(uri: str) -> bool:
    """The org's app has no list of addresses; any absolute one will do, an app's own scheme too,
    but for scripts.
    """
    parts = urlsplit(uri)
    return bool(parts.scheme and (parts.netloc or parts.path)) and parts.scheme not in _SCRIPTS


def _wrong(asked: Mapping[str, str]) -> OAuthError | None:
    if asked.get("response_type") != "code":
        return OAuthError("unsupported_response_type", "response type must be code")
    if asked.get("code_challenge_method", "S256") != "S256":
        return OAuthError("invalid_request", "code challenge method must be S256")
    return None
