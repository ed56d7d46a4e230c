"""The client for other teams: what it hands in is there once, whatever is lost on the way."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.client import MOST_OF_A_REQUEST, RequestRefusedError, TidegateClient
from tests.support.builders.writebacks import asked
from tests.support.engines.served_api import MOST_BYTES, ServedApi, fresh

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


class Broken(httpx.HTTPTransport):
    """The network, on which each request of the first ones has its own fault."""

    def __init__(self, *troubles: str) -> None:
        super().__init__()
        self.troubles = list(troubles)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "unreachable":
            raise httpx.ConnectError("no way there", request=request)
        if trouble == "busy":
            return httpx.Response(503, headers={"Retry-After": "0"}, request=request)
        response = super().handle_request(request)
        if trouble == "answer lost":
            response.read()
            raise httpx.ReadError("the connection broke", request=request)
        return response


async def used(api: ServedApi, use: Callable[[TidegateClient], Any], *troubles: str, **more: Any) -> Any:
    """The result of a client that meets a fault first."""

    def run() -> Any:
        token = more.pop("token", api.tokens["writer"])
        with TidegateClient(str(api.http.base_url), token, transport=Broken(*troubles), **more) as client:
            return use(client)

    return await asyncio.to_thread(run)


async def test_a_lost_answer_makes_no_second_writeback(api: ServedApi) -> None:
    items = [asked(key=fresh("k")), asked(key=fresh("k"), fields={"Nope__c": 1})]
    result = await used(api, lambda client: client.submit(items), "answer lost", "busy", "unreachable")
    [accepted], [refused] = result.accepted, result.refused
    assert (accepted["key"], accepted["is_new"]) == (items[0]["key"], False)
    assert (refused["index"], refused["field"]) == (1, "fields.Nope__c")
    found = await used(api, lambda client: client.writeback(accepted["number"]))
    assert found["state"] == "waiting"


async def test_without_keys_it_makes_them_up_before_it_sends(api: ServedApi) -> None:
    item = {name: value for name, value in asked().items() if name != "key"}
    result = await used(api, lambda client: client.submit([item, item]), "answer lost")
    assert [each["is_new"] for each in result.accepted] == [False, False]
    assert len({each["number"] for each in result.accepted}) == 2


async def test_more_than_a_request_takes_go_in_several(api: ServedApi) -> None:
    start = fresh("k")
    count = MOST_OF_A_REQUEST + 2
    items = (
        {"object": "Case", "external_id": "C", "key": f"{start}{n}", "fields": {"Type": "x"}}
        for n in range(count - 1)
    )
    bad = asked(object="Caes")
    result = await used(api, lambda client: client.submit([*items, bad]))
    assert [each["index"] for each in result.accepted] == list(range(count - 1))
    assert [(each["index"], each["field"]) for each in result.refused] == [(count - 1, "object")]


async def test_what_is_too_long_for_one_request_goes_in_halves(api: ServedApi) -> None:
    items = [asked(key=fresh("k"), fields={"Description": 31_000 * "x"}) for _ in range(150)]
    assert sum(len(str(each)) for each in items) > 2 * MOST_BYTES
    result = await used(api, lambda client: client.submit(items))
    assert [(each["index"], each["key"]) for each in result.accepted] == [
        (place, each["key"]) for place, each in enumerate(items)
    ]


async def test_when_all_are_refused_each_says_why(api: ServedApi) -> None:
    result = await used(api, lambda client: client.submit([asked(key="a", object="Caes"), {"key": "b"}]))
    assert [(each["index"], each["key"], each["field"]) for each in result.refused] == [
        (0, "a", "object"),
        (1, "b", "object"),
    ]


async def test_a_wrong_token_is_an_error_at_once_and_no_way_is_one_after_every_try(api: ServedApi) -> None:
    with pytest.raises(RequestRefusedError, match=r"403.*role"):
        await used(api, lambda client: client.submit([asked()]), token=api.tokens["reader"])
    with pytest.raises(httpx.ConnectError):
        await used(api, lambda client: client.submit([asked()]), "unreachable", "unreachable", tries=2)
