"""An OpenID Connect issuer: checks the signed tokens that it gives out, with the keys that it
publishes, and turns the code of a login into one.
"""

from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from schemas.errors import UnavailableError

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""None with a shared secret: a process that may check a token must not be able to make one."""
_LEEWAY_SECONDS = 30
_KEYS_LIVE_SECONDS = 300


@dataclass(frozen=True)
class IssuerAddress:
    """The issuer's address, and the audience of its tokens."""

    issuer: str
    audience: str
    jwks_url: str


@dataclass(frozen=True)
class LoginCode:
    """The code that an issuer gave a browser, and what proves that the login was ours."""

    token_url: str
    client_id: str
    client_secret: str | None
    """None: a public client, which `verifier` alone protects."""
    code: str
    verifier: str
    """Of PKCE (RFC 7636): its hash went out with the login."""
    redirect_uri: str


_PATIENCE_SECONDS = 10.0


async def exchange_code(login: LoginCode) -> str | None:
    """The ID token for a code (RFC 6749, 4.1.3), unchecked; None when the issuer refuses the code.

    Raises:
        UnavailableError: The issuer does not answer, or not with tokens.
    """
    form = {
        "grant_type": "authorization_code",
        "client_id": login.client_id,
        "code": login.code,
        "code_verifier": login.verifier,
        "redirect_uri": login.redirect_uri,
    }
    if login.client_secret is not None:
        form["client_secret"] = login.client_secret
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, trust_env=True) as http:
            response = await http.post(login.token_url, data=form, headers={"Accept": "application/json"})
        if response.is_client_error:
            return None
        found = response.raise_for_status().json()["id_token"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        detail = (
            f"its token_url gave no ID token ({type(error).__name__}); check TIDEGATE_API__CONSOLE__LOGIN"
        )
        raise UnavailableError(system="The token issuer", detail=detail) from error
    return str(found)


class TokenIssuer:
    """Checks tokens; one for a process, so that the issuer's keys are fetched once in five
    minutes.
    """

    def __init__(self, address: IssuerAddress) -> None:
        self._address = address
        self._keys = jwt.PyJWKClient(address.jwks_url, lifespan=_KEYS_LIVE_SECONDS, timeout=5)

    def claims(self, token: str) -> dict[str, Any] | None:
        """The token's claims; None when it is not one of the issuer's, not for us, or out of date.
        Blocks.

        Raises:
            UnavailableError: The issuer's keys cannot be fetched.
        """
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            found: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=list(_ALGORITHMS),
                audience=self._address.audience,
                issuer=self._address.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWKClientConnectionError as error:
            detail = "its keys cannot be fetched; check TIDEGATE_API__OIDC"
            raise UnavailableError(system="The token issuer", detail=detail) from error
        except jwt.PyJWTError:
            return None
        return found
