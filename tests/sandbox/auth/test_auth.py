"""Every way to an access token, and how one ends."""

import base64
import hashlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import httpx
import jwt
import pytest

from sandbox.org.server.app import build_app
from sandbox.org.state.org import Org
from tests.sandbox.org_in_process import http_client, new_org

LIMITS = "/services/data/v67.0/limits"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
async def http(org: Org) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(build_app(org), org) as client:
        del client.headers["Authorization"]
        yield client


async def grant(http, org, grant_type, **form):
    body = {"grant_type": grant_type, "client_id": org.identity.client_id, **form}
    return await http.post("/services/oauth2/token", data=body)


async def is_let_in(http, token) -> bool:
    answer = await http.get(LIMITS, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


def assertion(org, **changes):
    claims = {
        "iss": org.identity.client_id,
        "sub": org.identity.username,
        "aud": "https://login.salesforce.com",
    }
    claims |= {"exp": int(time.time()) + 180} | changes
    return jwt.encode(claims, Path(org.identity.private_key_file).read_text(), algorithm="RS256")


JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.mark.parametrize(
    ("exp"),
    [
        pytest.param(int(time.time()) + 180, id="three minutes"),
        pytest.param(str(int(time.time()) + 180), id="a text"),
        pytest.param(int(time.time()), id="now"),
        pytest.param(int(time.time() * 1000) + 300, id="milliseconds"),
    ],
)  # fmt: skip
async def test_a_jwt_is_taken_with_the_expiry_that_real_clients_write(org, http, exp):
    answer = await grant(http, org, JWT, assertion=assertion(org, exp=exp))
    assert await is_let_in(http, answer.json()["access_token"])


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"aud": "https://elsewhere"}, "invalid_grant", "audience is invalid"),
        ({"sub": "nobody@example"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "other"}, "invalid_client_id", "client identifier invalid"),
    ],
)
async def test_a_wrong_claim_is_refused_in_salesforces_words(org, http, changes, error, description):
    answer = await grant(http, org, JWT, assertion=assertion(org, **changes))
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


async def test_client_credentials_are_refused_on_the_login_host(org, http):
    body = {"grant_type": "client_credentials", "client_id": org.identity.client_id}
    body["client_secret"] = org.identity.client_secret
    answer = await http.post("/services/oauth2/token", data=body, headers={"Host": "login.salesforce.com"})
    assert answer.json()["error"] == "invalid_grant"


async def test_a_refresh_token_stays_good_while_rotation_is_off(org, http):
    for _ in range(2):
        answer = await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)
        assert "refresh_token" not in answer.json()
        assert await is_let_in(http, answer.json()["access_token"])


async def test_rotation_gives_a_new_refresh_token_each_time(org, http):
    org.dials.auth.rotate_refresh_tokens = True
    first = (await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)).json()
    second = (await grant(http, org, "refresh_token", refresh_token=first["refresh_token"])).json()
    assert len({org.identity.refresh_token, first["refresh_token"], second["refresh_token"]}) == 3


async def test_using_a_spent_refresh_token_ends_the_whole_grant(org, http):
    org.dials.auth.rotate_refresh_tokens = True
    first = (await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)).json()
    reused = await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)
    assert reused.json()["error_description"] == "expired access/refresh token"
    after = await grant(http, org, "refresh_token", refresh_token=first["refresh_token"])
    assert after.json()["error_description"] == "expired access/refresh token"


async def test_using_a_spent_refresh_token_ends_the_sessions_of_its_grant(org, http):
    org.dials.auth.rotate_refresh_tokens = True
    first = (await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)).json()
    stranger = (await grant(http, org, JWT, assertion=assertion(org))).json()
    await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)
    assert not await is_let_in(http, first["access_token"])
    assert await is_let_in(http, stranger["access_token"])


async def test_a_spent_refresh_token_is_spent_after_a_restart_too(org, http):
    org.dials.auth.rotate_refresh_tokens = True
    await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)
    async with http_client(build_app(org), org) as again:
        reused = await grant(again, org, "refresh_token", refresh_token=org.identity.refresh_token)
    assert reused.json()["error"] == "invalid_grant"


async def introspected(http, org, token, **form):
    body = {"token": token, "client_id": org.identity.client_id, **form}
    return await http.post("/services/oauth2/introspect", data=body)


async def test_introspection_knows_tokens_that_are_good_and_no_others(org, http):
    secret = {"client_secret": org.identity.client_secret}
    token = (await grant(http, org, JWT, assertion=assertion(org))).json()["access_token"]
    told = (await introspected(http, org, token, **secret)).json()
    assert (told["active"], told["token_type"], told["username"]) == (
        True,
        "access_token",
        org.identity.username,
    )
    refresh = (await introspected(http, org, org.identity.refresh_token, **secret)).json()
    assert refresh["token_type"] == "refresh_token"
    org.clock.advance(7_300)
    assert (await introspected(http, org, token, **secret)).json() == {"active": False}


async def test_introspection_does_not_renew_a_session(org, http):
    token = (await grant(http, org, JWT, assertion=assertion(org))).json()["access_token"]
    org.clock.advance(7_000)
    await introspected(http, org, token, client_secret=org.identity.client_secret)
    org.clock.advance(300)
    assert not await is_let_in(http, token)


async def test_introspection_is_for_the_connected_app_alone(org, http):
    answer = await introspected(http, org, org.identity.refresh_token, client_secret="wrong")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


async def test_the_dial_shortens_sessions(org, http):
    org.dials.auth.session_seconds = 60
    token = (await grant(http, org, JWT, assertion=assertion(org))).json()["access_token"]
    org.clock.advance(61)
    assert not await is_let_in(http, token)


async def test_a_code_is_exchanged_once_by_whoever_holds_the_verifier(org, http):
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": org.identity.client_id,
        "redirect_uri": "http://localhost:1717/done",
        "state": "s1",
        "code_challenge": challenge,
    }
    answer = await http.get("/services/oauth2/authorize", params=asked)
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert told["state"] == ["s1"]
    form = {"code": told["code"][0], "redirect_uri": "http://localhost:1717/done"}
    tokens = (await grant(http, org, "authorization_code", code_verifier=verifier, **form)).json()
    assert await is_let_in(http, tokens["access_token"])
    assert (await grant(http, org, "refresh_token", refresh_token=tokens["refresh_token"])).status_code == 200
    again = await grant(http, org, "authorization_code", code_verifier=verifier, **form)
    assert again.json()["error"] == "invalid_grant"


async def test_a_session_ends_when_it_is_not_used_for_its_life(org, http):
    token = (await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)).json()[
        "access_token"
    ]
    org.clock.advance(3_600)
    assert await is_let_in(http, token)
    org.clock.advance(7_300)
    answer = await http.get(LIMITS, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )


async def test_a_revoked_token_is_not_let_in(org, http):
    token = (await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)).json()[
        "access_token"
    ]
    assert (await http.post("/services/oauth2/revoke", data={"token": token})).status_code == 200
    assert not await is_let_in(http, token)
    active = await introspected(http, org, token, client_secret=org.identity.client_secret)
    assert active.json() == {"active": False}


# --- SOAP

LOGIN = """<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>
<n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>{}</n1:username><n1:password>{}</n1:password></n1:login>
</env:Body></env:Envelope>"""


@pytest.mark.parametrize("path", ["u/59.0", "u/59.0/", "c/64.0/00DTg0000000001", "u/64.0/00DTg0000000001MAA"])
async def test_a_soap_login_gives_a_session_that_rest_takes(org, http, path):
    body = LOGIN.format(org.identity.username, org.identity.password + "TOKEN")
    body = body.replace("partner", "enterprise") if path.startswith("c/") else body
    answer = await http.post(f"/services/Soap/{path}", content=body, headers={"SOAPAction": "login"})
    result = ElementTree.fromstring(answer.text)[0][0][0]
    assert [child.tag.rpartition("}")[2] for child in result] == [
        "metadataServerUrl", "passwordExpired", "sandbox", "serverUrl", "sessionId", "userId", "userInfo",
    ]  # fmt: skip
    assert result[6][8].text == org.identity.org_id
    assert await is_let_in(http, result[4].text)
    # Clients find these by a regular expression that knows no prefix.
    for tag in ("serverUrl", "sessionId", "userId", "organizationId"):
        assert re.search(f"<{tag}>[^<]+</{tag}>", answer.text)
    assert "<passwordExpired>false</passwordExpired>" in answer.text


async def test_a_wrong_password_is_a_soap_fault_with_the_sf_prefix(org, http):
    answer = await http.post("/services/Soap/u/59.0", content=LOGIN.format(org.identity.username, "wrong"))
    assert answer.status_code == 500
    assert "<faultcode>sf:INVALID_LOGIN</faultcode>" in answer.text
    assert "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>" in answer.text
    assert (
        "<faultstring>INVALID_LOGIN: Invalid username, password, security token; or user locked out.<"
        in answer.text
    )


async def test_an_operation_that_is_not_built_is_refused_by_name(org, http):
    body = LOGIN.format("a", "b").replace("n1:login", "n1:describeLayout")
    answer = await http.post("/services/Soap/u/59.0", content=body)
    assert answer.status_code == 500
    assert "describeLayout is not built" in answer.text


async def test_an_expired_session_is_a_soap_fault(org, http):
    body = LOGIN.format("a", "b").replace("n1:login", "n1:getUserInfo")
    answer = await http.post("/services/Soap/u/59.0", content=body)
    assert "<faultcode>sf:INVALID_SESSION_ID</faultcode>" in answer.text


# --- passwords, codes and identities


async def password_login(http, org, password):
    form = {"username": org.identity.username, "password": password}
    return await grant(http, org, "password", client_secret=org.identity.client_secret, **form)


async def test_a_password_is_taken_alone_or_with_any_security_token(org, http):
    right = org.identity.password
    for password in (right, right + "Ab12Cd34Ef56Gh78Ij90Kl12"):
        assert (await password_login(http, org, password)).status_code == 200
    refused = await password_login(http, org, right[:-1])
    assert refused.status_code == 400
    assert refused.json() == {"error": "invalid_grant", "error_description": "authentication failure"}


def authorizing(org, **changes):
    asked = {"response_type": "code", "client_id": org.identity.client_id, "state": "s"}
    return asked | {"redirect_uri": "http://localhost/done"} | changes


@pytest.mark.parametrize("uri", ["", "/done", "javascript:alert(1)", "localhost"])
async def test_a_code_is_sent_to_absolute_addresses_only(org, http, uri):
    answer = await http.get("/services/oauth2/authorize", params=authorizing(org, redirect_uri=uri))
    assert answer.status_code == 400
    assert answer.text.startswith("error=redirect_uri_mismatch&")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_a_wrong_question_is_answered_to_the_client_with_its_state(org, http, changes, error):
    answer = await http.get("/services/oauth2/authorize", params=authorizing(org, **changes))
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (told["error"], told["state"]) == ([error], ["s"])
    assert "code" not in told


async def test_a_revoked_grant_is_not_good_again_after_a_restart_but_after_a_reset(org, http):
    first = {"refresh_token": org.identity.refresh_token}
    token = (await grant(http, org, "refresh_token", **first)).json()["access_token"]
    await http.post("/services/oauth2/revoke", data={"token": org.identity.refresh_token})
    assert not await is_let_in(http, token)
    async with http_client(build_app(org), org) as again:
        assert (await grant(again, org, "refresh_token", **first)).status_code == 400
        await again.post("/sandbox/reset")
        assert (await grant(again, org, "refresh_token", **first)).status_code == 200


async def test_the_identity_url_is_the_callers_own(org, http):
    token = (await grant(http, org, "refresh_token", refresh_token=org.identity.refresh_token)).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    mine = await http.get(token["id"], headers=headers)
    assert mine.json()["username"] == org.identity.username
    other_org = token["id"].replace("/00DTg0000000001", "/00DTg0000000002")
    other_user = token["id"].replace("/005Tg0000000001", "/005Tg0000000002")
    for url, sent, refused in (
        (token["id"], {}, (403, "Missing_OAuth_Token")),
        (token["id"], {"Authorization": "Bearer x"}, (403, "Bad_OAuth_Token")),
        (other_org, headers, (403, "Wrong_Org")),
        (other_user, headers, (404, "Bad_Id")),
    ):
        answer = await http.get(url, headers=sent)
        assert (answer.status_code, answer.text) == refused
