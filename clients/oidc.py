"""An OpenID Connect issuer: checks the signed tokens that it gives out, with the keys that it
publishes.
"""

from dataclasses import dataclass
from typing import Any

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
