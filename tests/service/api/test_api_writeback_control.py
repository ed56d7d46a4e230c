"""Operator actions on writebacks by HTTP: the same acts as the command's, for operators only, and
each on record.
"""

from typing import Any

import pytest

from schemas.ids import writeback_queue_id
from tests.support.builders.waiting import until
from tests.support.builders.writebacks import asked
from tests.support.engines.served_api import ORG, ServedApi, fresh

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
BASE = "/v1/writebacks"


async def post(api: ServedApi, act: str, caller: str = "operator", status: int = 200, **body: Any) -> Any:
    """The answer to an act, which must have that status."""
    response = await api.ask("POST", f"{BASE}/{act}", caller, json={"reason": "release tonight", **body})
    assert response.status_code == status, response.text
    return response.json()


async def submitted(api: ServedApi, **changed: Any) -> int:
    """The number of a new one."""
    item = asked(key=fresh("k"), object="Opportunity", fields={"StageName": "Won"}, **changed)
    response = await api.ask("POST", BASE, "writer", json={"writebacks": [item]})
    return int(response.json()["accepted"][0]["number"])


async def test_a_pause_is_in_force_and_on_record_when_it_is_answered(api: ServedApi) -> None:
    number = await submitted(api)
    told = await post(api, "pause", object="Opportunity")
    assert (told["object"], told["on_the_wire"]) == ("Opportunity", [])
    [pause] = (await api.get(f"{BASE}/pauses"))["pauses"]
    assert (pause["object"], pause["by"], pause["reason"], pause["drains_to"]) == (
        "Opportunity",
        "operator",
        "release tonight",
        None,
    )
    now = await api.get(f"{BASE}/standing")
    assert [each["waiting"] for each in now["standings"] if each["object"] == "Opportunity"] == [1]
    assert (now["pauses"], now["latencies"]) == ([pause], [])
    drained = await post(api, "drain", caller="second", all=True)
    assert [each["object"] for each in drained["pauses"]] == ["*", "Opportunity"]
    assert drained["pauses"][0]["drains_to"] >= number
    queue = api.client.get_workflow_handle(writeback_queue_id(ORG, "Opportunity"))

    async def is_woken() -> bool:
        return bool(await queue.query("woken") >= 1)

    await until(is_woken)
    assert (await post(api, "resume", all=True))["pauses"] == [pause]
    assert (await post(api, "resume", object="Opportunity"))["pauses"] == []
    listed = (await api.get("/v1/audit"))["acts"]
    # Each request has an act of its own beside what it did.
    acts = [(each["act"], each["by"], each["target"]) for each in listed if each["act"] != "api.call"]
    assert acts[:4] == [
        ("writeback.resume", "operator", "writebacks/Opportunity"),
        ("writeback.resume", "operator", "writebacks/*"),
        ("writeback.drain", "second", "writebacks/*"),
        ("writeback.pause", "operator", "writebacks/Opportunity"),
    ]


@pytest.mark.parametrize("act", ["pause", "resume", "drain", "retry", "discard", "undo"])
async def test_acts_are_for_operators(api: ServedApi, act: str) -> None:
    for caller in ("reader", "writer", "guest"):
        await post(api, act, caller, status=403, numbers=[1])


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("pause", {}, "body.object"),
        ("pause", {"object": "Case", "all": True}, "body.object"),
        ("pause", {"object": "Case", "reason": ""}, "body.reason"),
        ("retry", {}, "body"),
        ("retry", {"numbers": [1], "object": "Case"}, "body.numbers"),
        ("discard", {"numbers": [0]}, "body.numbers.0"),
        ("undo", {}, "body"),
        ("undo", {"numbers": [1], "batch": "1.0"}, "body"),
    ],
)
async def test_what_chooses_nothing_or_twice_is_refused(
    api: ServedApi, act: str, body: dict[str, Any], field: str
) -> None:
    answer = await post(api, act, status=422, **body)
    assert answer["errors"][0]["field"] == field


async def test_what_cannot_be_retried_discarded_or_undone_is_named_with_the_reason(api: ServedApi) -> None:
    number = await submitted(api)
    for act in ("retry", "discard"):
        told = await post(api, act, numbers=[number, 10**9])
        assert told["numbers"] == []
        assert [(each["number"], each["why"].split(".")[0]) for each in told["left"]] == [
            (number, "It is waiting"),
            (10**9, "There is no such writeback"),
        ]
    [left] = (await post(api, "undo", status=202, numbers=[number]))["left"]
    assert "nothing of it is in Salesforce" in left["why"]


async def test_an_unknown_object_is_not_paused(api: ServedApi) -> None:
    assert (await post(api, "pause", status=422, object="Caes"))["type"].endswith("unknown-object")


async def test_a_dry_run_accepts_nothing_and_shows_a_writer_no_values(api: ServedApi) -> None:
    item = asked(key=fresh("k"), fields={"Subject": "after"})
    body = {"writebacks": [item, {**item, "key": fresh("k"), "fields": {"Statsu": "x"}}]}
    for caller, now in (("operator", "before"), ("writer", None)):
        response = await api.ask("POST", f"{BASE}?dry_run=true", caller, json=body)
        assert response.status_code == 200, response.text
        answer = response.json()
        [found] = answer["writebacks"]
        assert (found["effect"], found["differences"][0]["now"]) == ("update", now)
        assert [each["field"] for each in answer["refused"]] == ["fields.Statsu"]
    assert (await api.get(f"{BASE}?key={item['key']}"))["writebacks"] == []
    assert list(api.store.keys(f"preview/{ORG}/")) == []
