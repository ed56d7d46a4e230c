"""The ways to an access token. Each checks its grant and returns the user whom the token stands
for.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox.org.auth.errors import OAuthError
from sandbox.org.auth.grants import Grants, user_of
from sandbox.org.data.identity import COMMAND_LINE
from sandbox.org.state.org import Org
from schemas.errors import SettingsError

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")
"""Client credentials are for the org's own domain only."""
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class Granted(NamedTuple):
    """A grant that is good."""

    client_id: str
    """Of the app that asked."""
    user_id: str
    """Whom the token will stand for."""


class Flows:
    """The grant types that the org honours for its one connected app."""

    def __init__(self, org: Org, grants: Grants) -> None:
        self._org = org
        self._identity = identity = org.identity
        self._grants = grants
        public_key = _public_key(Path(identity.private_key_file).read_bytes())
        if public_key is None:
            raise SettingsError(
                f"{identity.private_key_file} holds no RSA key. Delete the org's folder to make it again."
            )
        self._public_key = public_key
        self._by_grant: dict[str, Callable[[Mapping[str, str], str], Granted]] = {
            "client_credentials": self._client_credentials,
            "password": self._password,
            "refresh_token": self._refresh_token,
            "authorization_code": self._authorization_code,
            JWT_BEARER: self._jwt_bearer,
        }

    def check_client(self, form: Mapping[str, str], basic: str | None) -> None:
        """Raise `OAuthError` unless the connected app itself asks."""
        self._check_client({**form, **_basic_credentials(basic)}, needs_secret=True)

    def check(self, form: Mapping[str, str], basic: str | None, own_url: str) -> Granted:
        """The app that asks and the user whom it asks for; raises `OAuthError` unless the grant in
        `form` is good.

        Args:
            form: The request's form fields.
            basic: The Authorization header, where a client may put its id and secret instead.
            own_url: The URL by which the client reached the org; a JWT may name it as its audience.
        """
        grant = form.get("grant_type")
        if not grant:
            raise OAuthError("invalid_request", "must provide a grant type")
        flow = self._by_grant.get(grant)
        if flow is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return flow({**form, **_basic_credentials(basic)}, own_url)

    def _client_credentials(self, form: Mapping[str, str], own_url: str) -> Granted:
        if own_url.partition("://")[2].split(":")[0] in _LOGIN_HOSTS:
            raise OAuthError("invalid_grant", "request not supported on this domain")
        return Granted(self._check_client(form, needs_secret=True), self._identity.user_id)

    def _password(self, form: Mapping[str, str], _own_url: str) -> Granted:
        client_id = self._check_client(form, needs_secret=True)
        user = user_of(self._org, form.get("username", ""), form.get("password", ""))
        if user is None:
            raise OAuthError("invalid_grant", "authentication failure")
        return Granted(client_id, user)

    def _refresh_token(self, form: Mapping[str, str], _own_url: str) -> Granted:
        client_id = self._check_client(form, needs_secret=False)
        self._grants.grant_of(form.get("refresh_token", ""))
        return Granted(client_id, self._identity.user_id)

    def _authorization_code(self, form: Mapping[str, str], _own_url: str) -> Granted:
        client_id = self._check_client(form, needs_secret=False)
        self._grants.exchange(
            form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", "")
        )
        return Granted(client_id, self._identity.user_id)

    def _jwt_bearer(self, form: Mapping[str, str], own_url: str) -> Granted:
        # `exp` is not compared with the clock: real clients send it as text, as "now" and in
        # milliseconds.
        options = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}
        try:
            claims = jwt.decode(
                form.get("assertion", ""),
                self._public_key,
                algorithms=["RS256"],
                options=options,  # type: ignore[arg-type]
            )
        except jwt.PyJWTError:
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if claims.get("iss") != self._identity.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if str(claims.get("aud", "")).rstrip("/") not in (*_AUDIENCES, own_url):
            raise OAuthError("invalid_grant", "audience is invalid")
        user = self._user_named(str(claims.get("sub")))
        if user is None:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if not str(claims.get("exp", "")).split(".")[0].isdigit():
            raise OAuthError("invalid_grant", "invalid assertion")
        return Granted(self._identity.client_id, user)

    def _user_named(self, username: str) -> str | None:
        """Id of a user who may log in."""
        users = self._org.permissions.users()
        return next((each.id for each in users if each.username == username and each.may_log_in), None)

    def _check_client(self, form: Mapping[str, str], *, needs_secret: bool) -> str:
        """The app's client id. The command line's own app has no secret, and so no grant that needs
        one.
        """
        identity = self._identity
        if form.get("client_id") == COMMAND_LINE and not needs_secret:
            return COMMAND_LINE
        if not _same(form.get("client_id", ""), identity.client_id):
            raise OAuthError("invalid_client_id", "client identifier invalid")
        secret = form.get("client_secret")
        if (secret is not None or needs_secret) and not _same(secret or "", identity.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")
        return identity.client_id


@lru_cache(maxsize=1)
def _public_key(pem: bytes) -> RSAPublicKey | None:
    """The public half of a private RSA key; None for a key of another kind. Reading one costs 40
    ms: it is checked.
    """
    key = load_pem_private_key(pem, password=None)
    return key.public_key() if isinstance(key, RSAPrivateKey) else None


def _basic_credentials(header: str | None) -> dict[str, str]:
    if header is None or not header.lower().startswith("basic "):
        return {}
    try:
        decoded = base64.b64decode(header[6:], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError("invalid_client", "invalid client credentials") from None
    client_id, _, secret = decoded.partition(":")
    return {"client_id": client_id, "client_secret": secret}


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
