"""The codec server: Temporal's Web UI shows payloads to those who may see them, and to nobody
else.
"""

import base64
import json
from typing import Any

import httpx
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from clients.storage.objects import S3Address
from clients.storage.purpose_keys import PurposeKeys
from clients.temporal.codec import PURPOSE, EncryptingCodec
from tests.support.engines.served_api import ORG, ServedApi

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="module")]
WEB_UI = "http://ui.test"
_PATH = "/v1/codec/decode"


@pytest.fixture
def codec(s3_address: S3Address) -> PayloadCodec:
    return EncryptingCodec(PurposeKeys(s3_address, ORG, PURPOSE), encrypts=True)


def as_json(payload: Payload) -> dict[str, Any]:
    """As the Web UI sends it."""
    metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(payload.data).decode()}


def word(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(text).encode())


def text_of(shown: dict[str, Any]) -> str:
    found: str = json.loads(base64.b64decode(shown["data"]))
    return found


async def asked(api: ServedApi, payloads: list[Payload], caller: str, **headers: str) -> httpx.Response:
    body = {"payloads": [as_json(each) for each in payloads]}
    return await api.ask("POST", _PATH, caller, json=body, headers={"X-Namespace": "default", **headers})


@pytest.mark.parametrize(
    ("caller", "status"),
    [("operator", 200), ("auditor", 200), ("reader", 403), ("writer", 403), ("guest", 403), ("", 401)],
)
async def test_payloads_are_shown_to_operators_and_auditors_alone(
    api: ServedApi, codec: PayloadCodec, caller: str, status: int
) -> None:
    payloads = await codec.encode([word("one"), word("two")])
    answer = await asked(api, [*payloads, word("plain")], caller)
    assert answer.status_code == status
    if status == 200:
        assert [text_of(each) for each in answer.json()["payloads"]] == ["one", "two", "plain"]


async def test_a_payload_that_cannot_be_read_does_not_hide_the_others(
    api: ServedApi, codec: PayloadCodec
) -> None:
    [good, bad] = await codec.encode([word("one"), word("two")])
    bad = Payload(metadata=bad.metadata, data=bad.data[:-1] + b"?")
    answer = await asked(api, [good, bad], "operator")
    first, second = answer.json()["payloads"]
    assert text_of(first) == "one"
    assert "cannot read this payload" in text_of(second)


async def test_a_payload_that_is_none_is_refused(api: ServedApi) -> None:
    body = {"payloads": [{"metadata": {"encoding": "a"}, "data": "abc"}]}
    answer = await api.ask("POST", _PATH, "operator", json=body)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("origin", "is_allowed"), [(WEB_UI, True), ("http://evil.test", False), ("null", False)]
)
async def test_only_pages_of_the_web_ui_may_read_the_answer(
    api: ServedApi, codec: PayloadCodec, origin: str, is_allowed: bool
) -> None:
    preflight = await api.ask(
        "OPTIONS",
        _PATH,
        "",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
        },
    )
    answer = await asked(api, await codec.encode([word("one")]), "operator", Origin=origin)
    for each in (preflight, answer):
        assert each.headers.get("access-control-allow-origin") == (origin if is_allowed else None)
        assert "Origin" in each.headers["vary"] or not is_allowed
    assert (
        "authorization" in preflight.headers.get("access-control-allow-headers", "").lower()
    ) == is_allowed


async def test_the_consoles_session_opens_it_for_the_web_ui_alone(
    api: ServedApi, codec: PayloadCodec
) -> None:
    payloads = await codec.encode([word("one")])
    for role, status in (("operator", 200), ("auditor", 200), ("reader", 403)):
        cookie = await _session(api, role)
        answer = await asked(api, payloads, "", Origin=WEB_UI, Cookie=cookie)
        assert answer.status_code == status
        elsewhere = await asked(api, payloads, "", Origin="http://evil.test", Cookie=cookie)
        assert elsewhere.status_code == 401


async def _session(api: ServedApi, role: str) -> str:
    """The cookie of a console's session."""
    page = await api.http.get("/console/login", headers={"Host": "127.0.0.1"})
    assert page.status_code == 200
    entered = await api.http.post(
        "/console/login",
        data={"token": api.tokens[role], "back": "/console"},
        headers={"Host": "127.0.0.1", "Sec-Fetch-Site": "same-origin"},
    )
    assert entered.status_code in (302, 303), entered.text
    cookie = entered.headers["set-cookie"].partition(";")[0]
    api.http.cookies.clear()
    return cookie


async def test_other_paths_answer_no_origin(api: ServedApi) -> None:
    answer = await api.ask("GET", "/v1/lanes", "reader", headers={"Origin": WEB_UI})
    assert "access-control-allow-origin" not in answer.headers
