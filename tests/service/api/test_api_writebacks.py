"""Handing in writebacks by HTTP: each kind of bad input has its own answer, and what is good goes
on.
"""

import asyncio
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from api.app import build_api
from clients.storage.objects import S3Address
from clients.temporal.writeback_queues import WritebackQueues
from schemas.ids import intake_prefix_of, writeback_queue_id
from schemas.writeback.messages import MOST_OF_A_REQUEST
from tests.support.builders.waiting import until
from tests.support.builders.writebacks import asked
from tests.support.engines.served_api import (
    MOST_BYTES,
    ORG,
    ServedApi,
    fresh,
    settings_for,
    tokens_and_entries,
)
from workers.value_readings import READ_WRITEBACK

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SECRET = "Zq7Personal"


async def submit(api: ServedApi, *items: Any, caller: str = "writer") -> tuple[int, dict[str, Any]]:
    response = await api.ask("POST", "/v1/writebacks", caller, json={"writebacks": list(items)})
    return response.status_code, response.json()


async def accepted(api: ServedApi, *items: Any, caller: str = "writer") -> dict[str, Any]:
    """The answer to writebacks of which some are good."""
    status, answer = await submit(api, *items, caller=caller)
    assert status == 202, answer
    return answer


def new(**changed: Any) -> dict[str, Any]:
    """A good one with a key that nothing has had."""
    return asked(key=fresh("k"), **changed)


async def test_what_is_handed_in_is_seen_by_its_number_and_its_queue_is_woken(api: ServedApi) -> None:
    item = new(object="Opportunity", fields={"StageName": "Won"}, deadline="2100-01-01T00:00:00Z")
    [one] = (await accepted(api, item))["accepted"]
    found = await api.get(f"/v1/writebacks/{one['number']}", "writer")
    assert {name: found[name] for name in ("object", "external_id", "key", "fields", "caller", "state")} == {
        **{name: item[name] for name in ("object", "external_id", "key", "fields")},
        "caller": "writer",
        "state": "waiting",
    }
    assert (found["tried"], found["deadline"]) == ([], "2100-01-01T00:00:00Z")
    queue = api.client.get_workflow_handle(writeback_queue_id(ORG, "Opportunity"))

    async def is_woken() -> bool:
        return bool(await queue.query("woken") == 1)

    await until(is_woken)


async def test_a_queue_hears_of_many_requests_in_one_word(
    api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.temporal.writeback_queues._APART_SECONDS", 3_600)
    for _ in range(5):
        await accepted(api, new(object="Payment__c", fields={"OnHold__c": True}))
    queue = api.client.get_workflow_handle(writeback_queue_id(ORG, "Payment__c"))
    await until(partial(has_heard, queue, 1))
    assert await queue.query("woken") == 1


async def test_what_comes_between_two_words_is_said_with_the_next(
    api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = fresh("o")
    queue = api.client.get_workflow_handle(writeback_queue_id(org, "Case"))
    async with WritebackQueues(api.client, org) as queues:
        await queues.wake("Case")
        await until(partial(has_heard, queue, 1))
        for _ in range(5):
            await queues.wake("Case")
        await until(partial(has_heard, queue, 2))
        monkeypatch.setattr("clients.temporal.writeback_queues._APART_SECONDS", 3_600)
        for _ in range(5):
            await queues.wake("Case")
    # The last one to leave sends the pending signal, once.
    assert await queue.query("woken") == 3


async def has_heard(queue: WorkflowHandle[Any, Any], count: int) -> bool:
    """True when a queue was woken so often. A queue that is not there yet has heard nothing."""
    try:
        return bool(await queue.query("woken") >= count)
    except RPCError:
        return False


async def test_a_field_that_the_org_got_since_the_catalogue_was_written_is_known(api: ServedApi) -> None:
    async def is_known() -> bool:
        status, _ = await submit(api, new(fields={"Grade__c": "A"}))
        return status == 202

    await until(is_known)
    wrong = [new(fields={"Grade__c": "longer"}), new(fields={"Grade__d": "A"})]
    refused = (await accepted(api, new(), *wrong))["refused"]
    assert [(each["field"], "5 characters" in each["message"]) for each in refused] == [
        ("fields.Grade__c", True),
        ("fields.Grade__d", False),
    ]


async def test_the_same_request_again_answers_the_same(api: ServedApi) -> None:
    item = new()
    first, again = await accepted(api, item), await accepted(api, item)
    assert again["accepted"] == [{**first["accepted"][0], "is_new": False}]


BAD = [
    ("unknown object", {"object": "Caes"}, "object", "Did you mean Case"),
    ("unknown field", {"fields": {"Statsu": "New"}}, "fields.Statsu", "Did you mean Status"),
    ("wrong type", {"fields": {"TouchCount__c": "many"}}, "fields.TouchCount__c", "takes a whole number"),
    ("too long", {"fields": {"Subject": 300 * "x"}}, "fields.Subject", "shorten it"),
    ("read-only", {"fields": {"CreatedDate": "2026-01-01T00:00:00Z"}}, "fields.CreatedDate", "leave it out"),
    ("unknown parent", {"fields": {"Account": {"Nope__c": "x"}}}, "fields.Account", "give ExternalId__c"),
    ("not a number", {"fields": {"SlaHours__c": float("nan")}}, "fields.SlaHours__c", "NaN and Infinity"),
    ("late", {"deadline": "2020-01-01T00:00:00Z"}, "deadline", "give a later one"),
    ("odd part", {"nothing": 1}, "nothing", "not permitted"),
]


@pytest.mark.parametrize(
    ("changed", "field", "message"), [each[1:] for each in BAD], ids=[each[0] for each in BAD]
)
async def test_bad_input_is_named_with_its_record_and_what_to_do_while_the_good_ones_go_on(
    api: ServedApi, changed: dict[str, Any], field: str, message: str
) -> None:
    good, bad = new(), new(**changed)
    content = orjson.dumps({"writebacks": [good, bad]})
    if "SlaHours__c" in str(bad):
        content = content.replace(b"null", b"NaN")
    response = await api.ask(
        "POST", "/v1/writebacks", "writer", content=content, headers={"content-type": "application/json"}
    )
    answer = response.json()
    assert response.status_code == 202, answer
    assert [each["key"] for each in answer["accepted"]] == [good["key"]]
    [refused] = answer["refused"]
    assert (refused["index"], refused["key"], refused["field"]) == (1, bad["key"], field)
    assert message in refused["message"]


async def test_a_key_used_for_another_content_says_for_which_writeback(api: ServedApi) -> None:
    item = new()
    [first] = (await accepted(api, item))["accepted"]
    status, answer = await submit(api, {**item, "fields": {"Subject": "another"}})
    assert (status, answer["type"]) == (422, "urn:tidegate:problem:writebacks-refused")
    [error] = answer["errors"]
    assert error["field"] == "body.writebacks.0.key"
    assert f"writeback {first['number']}." in error["message"]


async def test_when_none_is_good_every_one_is_named_in_a_problem(api: ServedApi) -> None:
    bad = [new(fields={f"Field{n}__c": 1}) for n in range(70)]
    status, answer = await submit(api, *bad)
    assert status == 422
    assert [each["field"] for each in answer["errors"]] == [
        f"body.writebacks.{n}.fields.Field{n}__c" for n in range(70)
    ]
    assert "And 67 more." in answer["detail"]


@pytest.mark.parametrize(
    "body", [{}, {"writebacks": []}, {"writebacks": {}}, [], {"writebacks": [1], "more": 2}]
)
async def test_a_body_of_another_form_is_refused(api: ServedApi, body: Any) -> None:
    response = await api.ask("POST", "/v1/writebacks", "writer", json=body)
    assert (response.status_code, response.json()["type"]) == (422, "urn:tidegate:problem:invalid-request")


async def test_too_many_and_too_much_are_told_how_to_be_sent(api: ServedApi) -> None:
    status, answer = await submit(api, *[{}] * (MOST_OF_A_REQUEST + 1))
    assert (status, answer["type"]) == (413, "urn:tidegate:problem:too-many")
    assert "10,000" in answer["detail"]
    assert "/v1/writebacks/files" in answer["detail"]
    status, answer = await submit(api, new(fields={"Subject": MOST_BYTES * "x"}))
    assert (status, answer["type"]) == (413, "urn:tidegate:problem:too-large")


async def test_only_writers_and_operators_hand_in_and_a_writer_sees_its_own(api: ServedApi) -> None:
    for caller in ("reader", "guest"):
        status, answer = await submit(api, new(), caller=caller)
        assert (status, "--role writer" in answer["detail"]) == (403, True)
    mine, theirs = new(), new()
    [one] = (await accepted(api, mine))["accepted"]
    [other] = (await accepted(api, theirs, caller="second"))["accepted"]
    assert (await api.ask("GET", f"/v1/writebacks/{other['number']}", "writer")).status_code == 404
    assert (await api.get(f"/v1/writebacks/{one['number']}", "reader"))["key"] == mine["key"]
    seen = await api.get("/v1/writebacks?caller=second", "writer")
    assert {each["caller"] for each in seen["writebacks"]} == {"writer"}
    [found] = (await api.get(f"/v1/writebacks?caller=second&key={theirs['key']}"))["writebacks"]
    assert (found["number"], found["object"]) == (other["number"], "Case")
    assert (await api.ask("GET", "/v1/writebacks", "guest")).status_code == 403


async def test_lists_are_chosen_and_paged(api: ServedApi) -> None:
    await accepted(api, *(new(object="Account", fields={"Type": "x"}) for _ in range(3)))
    path = "/v1/writebacks?object=Account&state=waiting&limit=2"
    newest = (await api.get(path))["writebacks"]
    older = (await api.get(f"{path}&before={newest[-1]['number']}"))["writebacks"]
    numbers = [each["number"] for each in [*newest, *older]]
    assert (len(newest), numbers) == (2, sorted(numbers, reverse=True))
    assert (await api.get("/v1/writebacks?object=Account&state=dead"))["writebacks"] == []
    assert (await api.ask("GET", "/v1/writebacks?state=odd")).status_code == 422
    assert (await api.ask("GET", f"/v1/writebacks/{10**18}")).status_code == 404


async def test_a_personal_value_comes_back_as_a_token_alone(api: ServedApi) -> None:
    item = new(object="Contact", fields={"LastName": SECRET, "Title": "Dr"})
    odd = new(object="Contact", fields={"Email": SECRET})
    answer = await accepted(api, item, odd)
    found = await api.get(f"/v1/writebacks/{answer['accepted'][0]['number']}")
    assert SECRET not in str((answer, found))
    assert (found["fields"]["Title"], found["fields"]["LastName"][:4]) == ("Dr", "tg2.")


async def test_values_are_read_on_record_but_by_their_own_caller(api: ServedApi) -> None:
    answer = await accepted(api, new(fields={"Subject": "seen"}))
    number = answer["accepted"][0]["number"]
    for caller in ("writer", "reader"):
        assert (await api.get(f"/v1/writebacks/{number}", caller))["fields"] == {"Subject": "seen"}
    acts = await asyncio.to_thread(lambda: api.audit.find(act=READ_WRITEBACK))
    assert [act.by for _, act in acts if act.target.endswith(f"/Case/{number}")] == ["reader"]
    assert "seen" not in json.dumps(await api.get("/v1/writebacks"))


def put(api: ServedApi, ending: str, body: bytes) -> str:
    """A file in the bucket; returns its key."""
    key = f"{intake_prefix_of(ORG, 'writer')}{fresh('f')}.{ending}"
    api.store.put(key, body)
    return key


async def hand_in(api: ServedApi, key: str, **more: Any) -> tuple[int, dict[str, Any]]:
    body = {"key": key, "format": key.rpartition(".")[2], "object": "Case", **more}
    response = await api.ask("POST", "/v1/writebacks/files", "writer", json=body)
    return response.status_code, response.json()


def counted(answer: dict[str, Any]) -> Sequence[int]:
    return [answer[name] for name in ("rows", "accepted", "repeated", "refused")]


async def kept(api: ServedApi, key: str) -> dict[str, Any]:
    """The fields of a writeback by its key."""
    [found] = (await api.get(f"/v1/writebacks?key={key}"))["writebacks"]
    fields: dict[str, Any] = (await api.get(f"/v1/writebacks/{found['number']}"))["fields"]
    return fields


async def test_a_csv_is_read_row_by_row_with_the_types_of_the_fields(api: ServedApi) -> None:
    lines = [
        "external_id,Subject,IsEscalated,TouchCount__c,SlaHours__c,Priority,Account.ExternalId__c",
        'C-1,"A roof, and\nits wall",TRUE,3,2.5,#N/A,A-1',
        "C-2,NA,false,,,,A-2",
        "C-3,too few",
        "C-4,x,perhaps,,,,",
        "0005,00123,,,,,",
    ]
    key = put(api, "csv", "\n".join(lines).encode())
    status, answer = await hand_in(api, key)
    assert (status, counted(answer)) == (200, [5, 3, 0, 2]), answer
    assert [(each["index"], each["field"]) for each in answer["refusals"]] == [
        (3, ""),
        (4, "fields.IsEscalated"),
    ]
    assert await kept(api, f"{key}:1") == {
        "Subject": "A roof, and\nits wall", "IsEscalated": True, "TouchCount__c": 3, "SlaHours__c": 2.5, "Priority": None,
        "Account": {"ExternalId__c": "A-1"},
    }  # fmt: skip
    assert await kept(api, f"{key}:2") == {
        "Subject": "NA",
        "IsEscalated": False,
        "Account": {"ExternalId__c": "A-2"},
    }
    assert await kept(api, f"{key}:5") == {"Subject": "00123"}
    assert counted((await hand_in(api, key))[1]) == [5, 0, 3, 2]


async def test_ndjson_is_read_line_by_line_and_a_line_may_be_a_whole_writeback(api: ServedApi) -> None:
    mine = fresh("k")
    lines: list[Any] = [
        {"external_id": "C-1", "key": mine, "Subject": "x", "Priority": None},
        {"external_id": "P-1", "object": "Contact", "fields": {"Title": "Dr"}, "priority": 0},
        ["no object"],
        {"external_id": "C-2", "key": mine, "Subject": "another"},
    ]
    body = b"\n\n".join(map(orjson.dumps, lines)) + b'\n{"broken": \n'
    key = put(api, "ndjson", body)
    status, answer = await hand_in(api, key)
    assert (status, counted(answer)) == (200, [5, 2, 0, 3]), answer
    assert [(each["index"], each["field"]) for each in answer["refusals"]] == [(3, ""), (4, "key"), (5, "")]
    assert await kept(api, mine) == {"Subject": "x", "Priority": None}
    assert await kept(api, f"{key}:2") == {"Title": "Dr"}


async def test_parquet_is_read_with_its_own_types(api: ServedApi) -> None:
    rows = {
        "external_id": ["A-1", "A-2"],
        "OpenBalance__c": [Decimal("12.50"), None],
        "EligibleUntil__c": [date(2026, 12, 1), None],
        "LastReviewedAt__c": [datetime(2026, 11, 25, 12, tzinfo=UTC), None],
        "Verified__c": [True, None],
        "HouseholdSize__c": [4, None],
    }
    body = io.BytesIO()
    pq.write_table(pa.table(rows), body)
    key = put(api, "parquet", body.getvalue())
    status, answer = await hand_in(api, key, object="Account")
    assert (status, counted(answer)) == (200, [2, 1, 0, 1]), answer
    assert await kept(api, f"{key}:1") == {
        "OpenBalance__c": 12.5,
        "EligibleUntil__c": "2026-12-01",
        "LastReviewedAt__c": "2026-11-25T12:00:00+00:00",
        "Verified__c": True,
        "HouseholdSize__c": 4,
    }


async def test_of_many_refused_rows_the_first_are_answered_and_all_are_in_a_file(api: ServedApi) -> None:
    rows = [f"C-{n},{SECRET}" for n in range(12_000)]
    key = put(api, "csv", "\n".join(["external_id,SuppliedEmail", *rows, "C-x,ada@example.org"]).encode())
    _, answer = await hand_in(api, key)
    assert (counted(answer), len(answer["refusals"])) == ([12_001, 1, 0, 12_000], 100)
    lines = api.store.get(answer["refusals_key"]).splitlines()
    assert (len(lines), orjson.loads(lines[-1])["index"]) == (12_000, 12_000)
    assert SECRET.encode() not in b"".join(lines) + orjson.dumps(answer)


UNREADABLE = [
    ("csv", b"", "no header"),
    ("csv", b"external_id,Subject,Subject\n1,2,3\n", "two columns"),
    ("csv", b"external_id,Subject\nC-1,\xff\xfe\n", "no CSV in UTF-8"),
    ("parquet", b"external_id", "no Parquet"),
    ("ndjson", b'{"external_id": "C-1", "Subject": "' + 5_000_000 * b"x", "a line is longer"),
]


@pytest.mark.parametrize(("ending", "body", "message"), UNREADABLE, ids=[each[2] for each in UNREADABLE])
async def test_a_file_that_cannot_be_read_says_so(
    api: ServedApi, ending: str, body: bytes, message: str
) -> None:
    _, answer = await hand_in(api, put(api, ending, body))
    assert (message in answer["trouble"], answer["accepted"]) == (True, 0)


async def test_only_files_that_were_put_there_for_it_are_read(api: ServedApi) -> None:
    others = ("raw/x.csv", f"keys/{ORG}/1.json", "intake/another-org/x.csv", f"intake/{ORG}/second/x.csv")
    for key in others:
        status, answer = await hand_in(api, key, format="csv")
        assert (status, answer["errors"][0]["field"]) == (422, "body.key")
    status, answer = await hand_in(api, f"{intake_prefix_of(ORG, 'writer')}none.csv")
    assert (status, answer["type"]) == (422, "urn:tidegate:problem:no-file")
    status, answer = await hand_in(api, put(api, "csv", b"external_id,Subject\n"), object="Caes")
    assert (status, answer["type"]) == (422, "urn:tidegate:problem:unknown-object")


async def test_what_is_accepted_stays_accepted_while_temporal_does_not_answer(
    module_database: str, s3_address: S3Address
) -> None:
    tokens, entries = tokens_and_entries()
    lonely = build_api(settings_for(dsn=module_database, s3=s3_address, tokens=entries))
    headers = {"Authorization": f"Bearer {tokens['writer']}"}
    async with (
        lonely.inner.router.lifespan_context(lonely.inner),
        httpx.AsyncClient(transport=httpx.ASGITransport(lonely.served), base_url="http://api") as http,
    ):
        sent = {"writebacks": [new()]}
        first = await http.post("/v1/writebacks", headers=headers, json=sent)
        again = await http.post("/v1/writebacks", headers=headers, json=sent)
    assert (first.status_code, again.status_code) == (202, 202)
    assert not again.json()["accepted"][0]["is_new"]
