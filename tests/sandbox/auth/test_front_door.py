"""Questions of clients around a login: the command line's own app, the way into a browser,
discovery, and pages of other origins.
"""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.org_in_process import new_org
from tests.sandbox.rest_client import V

CLI = "PlatformCLI"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


async def test_the_command_line_logs_in_by_code_and_refreshes(http):
    target = "http://localhost:1717/OauthRedirect"
    asked = {"client_id": CLI, "redirect_uri": target, "response_type": "code"}
    sent = await http.get("/services/oauth2/authorize", params=asked)
    [code] = parse_qs(urlsplit(sent.headers["location"]).query)["code"]
    form = {"client_id": CLI, "code": code, "redirect_uri": target, "grant_type": "authorization_code"}
    token = (await http.post("/services/oauth2/token", data=form)).json()
    form = {"client_id": CLI, "refresh_token": token["refresh_token"], "grant_type": "refresh_token"}
    again = (await http.post("/services/oauth2/token", data=form)).json()
    headers = {"Authorization": f"Bearer {again['access_token']}"}
    assert (await http.get(f"{V}/limits", headers=headers)).status_code == 200


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
async def test_the_command_line_has_no_grant_that_needs_a_secret(http, org, grant):
    form = {"client_id": CLI, "client_secret": "", "grant_type": grant}
    form |= {"username": org.identity.username, "password": org.identity.password}
    answer = await http.post("/services/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_id")


async def test_a_token_becomes_a_browsers_session_once(http):
    token = http.headers["Authorization"].split()[1]
    answer = await http.post(
        "/services/oauth2/singleaccess", data={"access_token": token, "redirect_uri": "/lightning"}
    )
    uri = answer.json()["frontdoor_uri"]
    entered = await http.get(uri)
    assert (entered.status_code, entered.headers["location"]) == (302, "/lightning")
    assert entered.headers["set-cookie"].startswith("sid=")
    again = await http.get(uri)
    assert "set-cookie" not in again.headers
    assert again.headers["location"].startswith("/?ec=302")


async def test_a_session_id_opens_the_front_door_too(http):
    token = http.headers["Authorization"].split()[1]
    entered = await http.get("/secur/frontdoor.jsp", params={"sid": token, "retURL": "/001"})
    assert entered.headers["location"] == "/001"
    for target in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"):
        entered = await http.get("/secur/frontdoor.jsp", params={"sid": token, "retURL": target})
        assert "elsewhere" not in entered.headers["location"]


async def test_a_token_that_is_not_good_opens_nothing(http):
    answer = await http.post("/services/oauth2/singleaccess", data={"access_token": "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_discovery_names_addresses_that_are_served(http):
    found = (await http.get("/.well-known/openid-configuration")).json()
    assert found["issuer"] == "http://org"
    for name, url in found.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert (await http.get(url)).status_code != 404, name


async def test_userinfo_and_the_identity_url_are_whole(http, org):
    info = (await http.get("/services/oauth2/userinfo")).json()
    assert set(info) >= {"photos", "profile", "picture", "address", "urls", "zoneinfo", "email", "updated_at"}
    told = (await http.get(f"/id/{org.identity.org_id}/{org.identity.user_id}")).json()
    assert set(told) >= {
        "photos",
        "timezone",
        "addr_street",
        "status",
        "urls",
        "mobile_phone",
        "asserted_user",
    }
    assert set(info["urls"]) >= {"rest", "partner", "tooling_soap", "profile", "custom_domain", "feeds"}


async def test_introspection_tells_the_app_and_the_times(http, org):
    form = {"client_id": CLI, "refresh_token": org.identity.refresh_token, "grant_type": "refresh_token"}
    token = (await http.post("/services/oauth2/token", data=form)).json()["access_token"]
    own = {"client_id": org.identity.client_id, "client_secret": org.identity.client_secret}
    told = (await http.post("/services/oauth2/introspect", data={"token": token, **own})).json()
    assert told["client_id"] == CLI
    assert told["iat"] == told["nbf"] < told["exp"]


async def test_a_page_of_another_origin_is_let_in_by_the_allowlist(http, org):
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    del http.headers["Authorization"]
    asked["Access-Control-Request-Headers"] = "authorization, content-type"
    answer = await http.options(f"{V}/sobjects/Account", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
    refused = await http.get(f"{V}/limits", headers={"Origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (
        401,
        "https://app.example",
    )
    org.dials.auth.cors_origins = ("https://*.example.com",)
    assert (await http.options(f"{V}/limits", headers=asked)).status_code == 403
    assert "access-control-allow-origin" not in (await http.get(f"{V}/limits", headers=asked)).headers
