"""Login to the console by an issuer, and what a session is worth, without a store that answers."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import jwt
import pytest
import time_machine
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.app import build_api
from api.console.forms import read_act
from api.console.gate import CookieRule
from api.console.session import Sessions, Standing
from api.middleware.auth import Gate
from clients.database.console_sessions import EndedSessions
from schemas.errors import SettingsError
from schemas.security.access import Caller, CallerRole
from schemas.settings.api import ApiSettings
from schemas.settings.console import ConsoleSettings
from tests.support.engines.served_api import NOWHERE, settings_for, tokens_and_entries
from tests.unit.api.test_auth import AUDIENCE, ISSUER, KEY, signed

PUBLIC = "https://tidegate.test"
SECURE = {"Host": "tidegate.test", "Sec-Fetch-Site": "same-origin"}
KEY_OF_SESSIONS = "k" * 32
CLIENT = "console-client"


class Issuer:
    """An issuer with one user. It remembers the challenge of the last login, and checks it."""

    def __init__(self) -> None:
        self.nonce = ""
        self.roles: list[str] = ["operator"]
        self.audience = CLIENT
        self.asked: dict[str, str] = {}
        self.server = HTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def token(self) -> str:
        now = datetime.now(UTC)
        said = {"iss": ISSUER, "aud": self.audience, "sub": "u-17", "exp": now + timedelta(minutes=5)}
        return signed(said | {"roles": self.roles, "nonce": self.nonce})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self
        published = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        keys = {"keys": [published | {"kid": "1", "use": "sig", "alg": "RS256"}]}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(keys)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                issuer.asked = dict(parse_qsl(body))
                if issuer.asked["code"] != "good":
                    self.answer({"error": "invalid_grant"}, 400)
                else:
                    self.answer({"id_token": issuer.token(), "access_token": "unused"})

            def answer(self, content: Any, status: int = 200) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def browser(issuer: Issuer | None = None, **console: Any) -> httpx.AsyncClient:
    """A browser of the served app; its cookies are sent by hand, for they are Secure."""
    _, entries = tokens_and_entries()
    api: dict[str, Any] = {"tokens": entries}
    if issuer is not None:
        api["oidc"] = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": f"{issuer.url}/keys"}
        login = {"client_id": CLIENT, "client_secret": "s", "authorization_url": f"{ISSUER}/authorize"}
        console |= {"public_url": PUBLIC, "login": login | {"token_url": f"{issuer.url}/token"}}
    api["console"] = {"session_key": KEY_OF_SESSIONS} | console
    served = build_api(settings_for(**api)).served
    return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://tidegate.test")


async def begin(http: httpx.AsyncClient, issuer: Issuer) -> tuple[dict[str, str], str]:
    """The question to the issuer, and the cookie of the login under way."""
    response = await http.get("/console/oidc/begin?back=/console/runs", headers=SECURE)
    asked = {
        name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()
    }
    issuer.nonce = asked["nonce"]
    return asked, response.headers["set-cookie"].split(";")[0]


async def finish(http: httpx.AsyncClient, cookie: str, **query: str) -> httpx.Response:
    headers = {"Host": "tidegate.test", "Cookie": cookie, "Sec-Fetch-Site": "cross-site"}
    return await http.get("/console/oidc/callback", params=query, headers=headers)


async def test_a_login_by_the_issuer_begins_a_session_with_the_role_that_it_says(issuer: Issuer) -> None:
    async with browser(issuer) as http:
        asked, cookie = await begin(http, issuer)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert asked["redirect_uri"] == f"{PUBLIC}/console/oidc/callback"
        response = await finish(http, cookie, state=asked["state"], code="good")
    assert (response.status_code, response.headers["location"]) == (303, "/console/runs")
    assert issuer.asked["code_verifier"] not in str(asked)
    session = response.headers.get_list("set-cookie")[0]
    assert session.startswith("__Host-tidegate=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(session.split("; "))
    assert "domain" not in session.lower()


async def test_a_login_that_another_browser_began_is_refused(issuer: Issuer) -> None:
    async with browser(issuer) as http:
        asked, cookie = await begin(http, issuer)
        for wrong in (
            await finish(http, "", state=asked["state"], code="good"),
            await finish(http, cookie, state="another", code="good"),
            await finish(http, cookie, state=asked["state"], code="bad"),
            await finish(http, cookie, state=asked["state"]),
        ):
            assert (wrong.status_code, "set-cookie" in wrong.headers) == (403, False)


@pytest.mark.parametrize(
    "wrong", [{"nonce": "of another login"}, {"roles": []}, {"roles": ["writer"]}, {"audience": AUDIENCE}]
)
async def test_a_token_that_is_not_for_this_login_or_names_no_role_is_refused(
    issuer: Issuer, wrong: dict[str, Any]
) -> None:
    async with browser(issuer) as http:
        asked, cookie = await begin(http, issuer)
        vars(issuer).update(wrong)
        response = await finish(http, cookie, state=asked["state"], code="good")
    assert (response.status_code, "set-cookie" in response.headers) == (403, False)


async def test_without_an_issuer_there_is_no_such_login() -> None:
    async with browser(public_url=PUBLIC) as http:
        assert (await http.get("/console/oidc/begin", headers=SECURE)).status_code == 404


def test_a_cookie_is_host_bound_and_secure_wherever_there_is_a_public_address() -> None:
    assert CookieRule.of(ConsoleSettings(public_url=PUBLIC)) == CookieRule("__Host-tidegate", is_secure=True)
    assert CookieRule.of(ConsoleSettings()) == CookieRule("tidegate", is_secure=False)


@pytest.mark.parametrize(
    "console",
    [
        {"public_url": "http://tidegate.test"},
        {"public_url": "https://tidegate.test/console"},
        {"session_key": "short"},
        {"login": {"client_id": "c", "authorization_url": "https://a", "token_url": "https://t"}},
    ],
)
def test_settings_that_would_weaken_a_session_are_refused(console: dict[str, Any]) -> None:
    with pytest.raises((SettingsError, ValueError)):
        ApiSettings.model_validate({"console": console})


def sessions(role: CallerRole = CallerRole.READER, **console: Any) -> Sessions:
    """Sessions of settings that have one token."""
    entry = {"name": "night-shift", "role": role, "sha256": "0" * 64}
    settings = ApiSettings.model_validate({"tokens": [entry], "console": console})
    return Sessions(settings, lambda: EndedSessions(NOWHERE), Gate(settings))


def test_a_session_ends_after_eight_hours() -> None:
    known = sessions(session_key=KEY_OF_SESSIONS)
    with time_machine.travel(datetime(2026, 11, 25, 3, tzinfo=UTC), tick=False) as clock:
        _, cookie = known.begin(Caller(name="night-shift", role=CallerRole.READER))
        clock.shift(timedelta(hours=7, minutes=59))
        assert known.read(cookie) is not None
        clock.shift(timedelta(minutes=2))
        assert known.read(cookie) is None


def test_a_session_holds_in_every_process_with_the_key_and_in_no_other() -> None:
    caller = Caller(name="night-shift", role=CallerRole.READER)
    session, cookie = sessions(session_key=KEY_OF_SESSIONS).begin(caller)
    assert sessions(session_key=KEY_OF_SESSIONS).read(cookie) == session
    assert sessions().read(cookie) is None


def test_a_session_ends_when_its_token_is_withdrawn_or_has_another_role() -> None:
    known = sessions(session_key=KEY_OF_SESSIONS)
    _, cookie = known.begin(Caller(name="night-shift", role=CallerRole.READER))
    assert sessions(CallerRole.OPERATOR, session_key=KEY_OF_SESSIONS).read(cookie) is None
    _, of_nobody = known.begin(Caller(name="somebody", role=CallerRole.READER))
    assert known.read(of_nobody) is None


async def test_a_store_that_is_silent_leaves_looks_and_refuses_acts() -> None:
    known = sessions(session_key=KEY_OF_SESSIONS)
    session, _ = known.begin(Caller(name="night-shift", role=CallerRole.READER))
    assert await known.standing(session) is Standing.UNKNOWN

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": f"csrf={session.csrf}".encode(), "more_body": False}

    for standing, refused in ((Standing.OPEN, False), (Standing.UNKNOWN, True)):
        state = {"session": session, "standing": standing}
        request = Request({"type": "http", "method": "POST", "headers": [], "state": state}, receive)
        if refused:
            with pytest.raises(HTTPException, match="acts are refused"):
                await read_act(request)
        else:
            assert (await read_act(request))[0] == session
