"""Webhooks over HTTP: nobody gives away more than their token may read, a secret is shown once, and
each act is on record.
"""

import asyncio
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.engines.served_api import ServedApi, fresh
from tests.support.scripted.receiver import receiver

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
URL = "https://hooks.example.org/tidegate"


async def add(api: ServedApi, caller: str = "desk", **more: Any) -> Any:
    body = {"name": fresh("hook"), "url": URL, "objects": ["Case"], "reason": "for the tests"} | more
    return await api.ask("POST", "/v1/webhooks", caller, json=body)


async def acts_of(api: ServedApi, name: str) -> list[tuple[str, str]]:
    rows = await asyncio.to_thread(api.audit.rows)
    return [(act.act, act.by) for _, act in rows if act.target == f"webhook/{name}"]


async def test_a_webhook_is_added_steered_and_removed_and_each_act_is_on_record(api: ServedApi) -> None:
    made = await add(api)
    assert made.status_code == 201, made.text
    name = made.json()["webhook"]["webhook"]["name"]
    assert made.json()["secret"].startswith("whsec_")
    why = {"reason": "for the tests"}
    states = []
    for act in ("pause", "resume"):
        answer = await api.ask("POST", f"/v1/webhooks/{name}/{act}", "desk", json=why)
        states.append(answer.json()["webhook"]["state"])
    assert states == ["paused", "active"]
    turned = await api.ask("POST", f"/v1/webhooks/{name}/rotate", "desk", json=why)
    assert turned.json()["secret"] not in ("", made.json()["secret"])
    moved = await api.ask("POST", f"/v1/webhooks/{name}/replay", "desk", json=why | {"after": "first"})
    assert moved.json()["cursors"][0]["cursor"] == "0000000000000.."
    assert [each["webhook"]["name"] for each in (await api.get("/v1/webhooks"))["webhooks"]].count(name) == 1
    gone = await api.ask("DELETE", f"/v1/webhooks/{name}?reason=for the tests", "desk")
    assert gone.status_code == 200, gone.text
    assert (await api.ask("GET", f"/v1/webhooks/{name}")).status_code == 404
    told = ("add", "pause", "resume", "rotate", "replay", "remove")
    assert await acts_of(api, name) == [(f"webhook.{act}", "desk") for act in told]


async def test_no_answer_but_the_first_shows_the_secret(api: ServedApi) -> None:
    made = (await add(api)).json()
    name, secret = made["webhook"]["webhook"]["name"], made["secret"]
    for path in (f"/v1/webhooks/{name}", "/v1/webhooks", f"/v1/webhooks/{name}/dead-letters"):
        assert secret not in (await api.ask("GET", path)).text


async def test_a_caller_gives_away_no_more_than_it_may_read(api: ServedApi) -> None:
    refused = await add(api, "operator")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:tidegate:problem:records")
    refused = await add(api, objects=["Contact"], decrypt=["Contact.Phone"])
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:tidegate:problem:decrypt")
    allowed = await add(api, objects=["Contact"], decrypt=["Contact.Email"])
    assert allowed.status_code == 201
    assert (await add(api, "records")).status_code == 403, "a reader adds none"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("url", "ftp://hooks.example.org/x"),
        ("url", "https://10.0.0.1/x"),
        ("url", "https://169.254.169.254/latest/meta-data"),
        ("url", "https://ada:secret@hooks.example.org/x"),
        ("objects", ["*"]),
        ("decrypt", ["Case.Status"]),
        ("after", "yesterday"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_place(api: ServedApi, part: str, value: Any) -> None:
    refused = await add(api, **{part: value})
    assert refused.status_code in (422, 403)
    if refused.status_code == 422:
        assert refused.json()["errors"][0]["field"].startswith(f"body.{part}")
    else:
        assert part == "objects", "every object is more than it may read"


async def test_a_name_is_had_once(api: ServedApi) -> None:
    name = fresh("hook")
    assert (await add(api, name=name)).status_code == 201
    again = await add(api, name=name)
    assert (again.status_code, again.json()["type"]) == (409, "urn:tidegate:problem:webhook-exists")


async def test_a_trial_posts_one_signed_message_without_a_record(api: ServedApi) -> None:
    async with receiver() as made:
        added = (await add(api, url=made.url)).json()
        name = added["webhook"]["webhook"]["name"]
        answer = await api.ask("POST", f"/v1/webhooks/{name}/test", "desk")
        assert (answer.status_code, answer.json()["taken"]) == (200, True)
        [message] = made.messages
    assert Webhook(added["secret"]).verify(message.body, message.headers)["type"] == "tidegate.test"


async def test_dead_letters_are_listed_and_none_is_changed_where_there_is_none(api: ServedApi) -> None:
    name = (await add(api)).json()["webhook"]["webhook"]["name"]
    assert (await api.get(f"/v1/webhooks/{name}/dead-letters"))["dead_letters"] == []
    for act in ("retry", "discard"):
        answer = await api.ask(
            "POST", f"/v1/webhooks/{name}/dead-letters/{act}", "desk", json={"reason": "for the tests"}
        )
        assert answer.json() == {"changes": 0}
    assert await acts_of(api, name) == [("webhook.add", "desk")]
