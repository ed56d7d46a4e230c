"""Tokens, roles and refusals of the API, without anything behind it that answers."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from api.app import build_api
from api.middleware.auth import Gate
from api.problems import problem_of
from cli.api import entry_of, local_token, new_token
from schemas import errors
from schemas.errors import SettingsError
from schemas.security.access import OUR_NAMES, CallerRole
from schemas.settings.api import ApiSettings, OidcSettings
from tests.support.engines.served_api import settings_for, tokens_and_entries
from tests.unit.test_errors import EXAMPLES

KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
SECRET = "secret@example.org"
ISSUER, AUDIENCE = "https://login.test", "tidegate"


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token."""
    now = datetime.now(UTC)
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-17",
        "exp": now + timedelta(minutes=5),
        "roles": ["reader"],
    }
    return {name: value for name, value in (said | changed).items() if value is not None}


def signed(said: dict[str, Any], *, key: Any = KEY, algorithm: str = "RS256") -> str:
    """A token that says so."""
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": "1"})


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    """Where the issuer's key is."""
    published = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    body = json.dumps({"keys": [published | {"kid": "1", "use": "sig", "alg": "RS256"}]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    thread.join()
    server.server_close()


def gate(jwks_url: str, **oidc: Any) -> Gate:
    """A gate that knows the issuer and one listed token."""
    issuer = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=jwks_url, **oidc)
    entry = entry_of("tg_listed", "listed", CallerRole.OPERATOR)
    return Gate(ApiSettings(tokens=(entry,), oidc=issuer))


async def test_a_signed_token_is_a_caller_with_the_highest_role_that_it_says(jwks_url: str) -> None:
    caller = await gate(jwks_url).caller(signed(claims(roles=["guest", "operator", "other"])))
    assert caller is not None
    assert (caller.name, caller.role) == ("oidc:u-17", CallerRole.OPERATOR)


async def test_the_claim_and_its_words_are_settings(jwks_url: str) -> None:
    told = gate(jwks_url, role_claim="groups", roles={"tg-ops": "operator"})
    caller = await told.caller(signed(claims(groups="tg-ops")))
    assert caller is not None
    assert caller.role is CallerRole.OPERATOR
    assert await told.caller(signed(claims(groups="operator"))) is None


@pytest.mark.parametrize(
    "token",
    [
        signed(claims(exp=datetime.now(UTC) - timedelta(minutes=5))),
        signed(claims(exp=None)),
        signed(claims(aud="another")),
        signed(claims(iss="https://elsewhere.test")),
        signed(claims(sub=None)),
        signed(claims(roles=[])),
        signed(claims(), key=rsa.generate_private_key(public_exponent=65_537, key_size=2_048)),
        signed(claims(), key="k" * 32, algorithm="HS256"),
        jwt.encode(claims(), "", algorithm="none", headers={"kid": "1"}),
        "no.token.atall",
        "é",
    ],
    ids=["old", "endless", "for another", "of another", "nobody", "no role", "forged", "shared", "unsigned", "odd", "not ASCII"],
)  # fmt: skip
async def test_a_signed_token_that_is_not_right_is_nobodys(jwks_url: str, token: str) -> None:
    assert await gate(jwks_url).caller(token) is None


async def test_listed_tokens_are_known_without_the_issuer() -> None:
    nowhere = gate("http://127.0.0.1:1/keys")
    caller = await nowhere.caller("tg_listed")
    assert caller is not None
    assert caller.name == "listed"
    with pytest.raises(errors.UnavailableError, match="token issuer"):
        await nowhere.caller(signed(claims()))


def test_a_new_token_is_not_in_its_entry_and_no_two_are_alike() -> None:
    (token, entry), (other, _) = (new_token("billing", CallerRole.GUEST) for _ in range(2))
    assert token != other
    assert token not in str(entry)
    assert ApiSettings.model_validate({"tokens": [entry]}).tokens[0].role is CallerRole.GUEST


def test_the_token_of_up_is_kept_for_its_owner_alone(tmp_path: Any) -> None:
    first, second = local_token(tmp_path), local_token(tmp_path)
    assert first == second
    assert (tmp_path / "api.token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", sorted(OUR_NAMES))
def test_no_token_is_called_like_the_engine_itself(name: str) -> None:
    with pytest.raises(ValueError, match="records its own acts under that name"):
        ApiSettings.model_validate({"tokens": [new_token(name, CallerRole.READER)[1]]})


def test_two_tokens_have_two_names() -> None:
    entries = [new_token("a", role)[1] for role in (CallerRole.READER, CallerRole.OPERATOR)]
    with pytest.raises(ValueError, match="same name"):
        ApiSettings.model_validate({"tokens": entries})


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_every_error_of_the_engine_has_a_status_and_the_transient_ones_say_when_to_come_again(
    kind: Any,
) -> None:
    problem = problem_of(EXAMPLES[kind][0])
    is_transient = issubclass(kind, errors.TransientError)
    assert is_transient == (problem.status_code in (429, 503))
    assert is_transient == ("Retry-After" in (problem.headers or {}))


def test_a_limit_says_how_long() -> None:
    limited = errors.RateLimitedError(system="S3", detail="d", retry_after=timedelta(seconds=90.2))
    problem = problem_of(limited)
    assert (problem.status_code, problem.headers) == (429, {"Retry-After": "91"})


def test_a_wrong_setting_shows_nothing_of_itself_to_the_caller() -> None:
    assert "hush" not in problem_of(SettingsError("hush is wrong. Correct it.")).detail


@pytest.fixture
async def lonely() -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """The API with nothing behind it that answers."""
    tokens, entries = tokens_and_entries()
    api = build_api(settings_for(tokens=entries))
    async with (
        api.inner.router.lifespan_context(api.inner),
        httpx.AsyncClient(transport=httpx.ASGITransport(api.served), base_url="http://api") as http,
    ):
        yield http, tokens


async def test_it_lives_and_is_not_ready_while_nothing_answers(
    lonely: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    http, _ = lonely
    assert (await http.get("/healthz")).json() == {"alive": True}
    ready = await http.get("/readyz")
    assert (ready.status_code, set(ready.json()["parts"].values())) == (503, {False})


async def test_what_does_not_answer_is_named_and_the_request_may_come_again(
    lonely: tuple[httpx.AsyncClient, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    http, tokens = lonely
    headers = {"Authorization": f"Bearer {tokens['operator']}"}
    for path in ("/v1/ledger", "/v1/audit", "/v1/lanes", "/v1/backfills/Case~all"):
        response = await http.get(path, headers=headers)
        assert (response.status_code, "retry-after" in response.headers) == (503, True), path
        assert response.json()["type"] == "urn:tidegate:problem:unavailable"
    assert [token for token in tokens.values() if token in caplog.text] == []


async def test_a_fault_of_ours_is_answered_and_its_message_is_in_neither_answer_nor_log(
    lonely: tuple[httpx.AsyncClient, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    http, tokens = lonely

    def fail(*_: Any) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("api.routes.catalogue._object", fail)
    response = await http.get("/v1/catalogue", headers={"Authorization": f"Bearer {tokens['reader']}"})
    assert (response.status_code, response.json()["type"]) == (500, "urn:tidegate:problem:internal")
    said = caplog.records[-1].__dict__
    assert said["facts"] == {"error": "KeyError"}
    assert said["frames"][-1].endswith(" fail")
    assert SECRET not in response.text + caplog.text + repr([each.__dict__ for each in caplog.records])
