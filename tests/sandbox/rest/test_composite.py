"""Composite, batch, graph and tree: several calls in one."""

import pytest

from tests.sandbox.rest_client import V, error, make_accounts


def step(reference, method, url, body=None, **headers):
    found = {"referenceId": reference, "method": method, "url": f"{V}{url}"}
    if body is not None:
        found["body"] = body
    return found | ({"httpHeaders": headers} if headers else {})


async def composite(client, *steps, **options):
    return await client.post(f"{V}/composite", json={"compositeRequest": list(steps), **options})


def parts(answer):
    return answer.json()["compositeResponse"]


A = step("a", "POST", "/sobjects/Account", {"Name": "A"})
BAD = step("bad", "POST", "/sobjects/Account", {"Name": None})


async def test_a_later_step_uses_what_an_earlier_one_answered(client, org):
    contact = step("c", "POST", "/sobjects/Contact", {"LastName": "L", "AccountId": "@{a.id}"})
    query = step("q", "GET", "/query?q=SELECT+Id,AccountId+FROM+Contact+WHERE+Id='@{c.id}'")
    read = step("r", "GET", "/sobjects/Account/@{q.records[0].AccountId}?fields=Name")
    answer = await composite(client, A, contact, query, read)
    assert answer.status_code == 200
    assert [part["httpStatusCode"] for part in parts(answer)] == [201, 201, 200, 200]
    assert parts(answer)[3]["body"]["Name"] == "A"
    new = parts(answer)[0]
    assert new["httpHeaders"]["Location"] == f"{V}/sobjects/Account/{new['body']['id']}"
    assert new["referenceId"] == "a"


async def test_without_all_or_none_a_failure_leaves_the_others(client, org):
    answer = await composite(client, A, BAD, step("x", "GET", "/sobjects/Account/@{bad.id}"))
    assert [part["httpStatusCode"] for part in parts(answer)] == [201, 400, 400]
    assert parts(answer)[2]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert parts(answer)[2]["body"][0]["message"].startswith("Invalid reference specified. ")
    assert org.counts["Account"] == 1


async def test_all_or_none_undoes_everything_and_halts_the_innocent(client, org):
    answer = await composite(client, A, BAD, step("l", "GET", "/limits"), allOrNone=True)
    assert answer.status_code == 200
    assert [part["body"][0]["errorCode"] for part in parts(answer)] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
        "PROCESSING_HALTED",
    ]
    assert parts(answer)[0]["body"][0]["message"] == (
        "The transaction was rolled back since another operation in the same transaction failed."
    )
    count = await client.get(f"{V}/query", params={"q": "SELECT COUNT() FROM Account"})
    assert count.json()["totalSize"] == 0


async def test_a_query_inside_all_or_none_sees_the_rows_before_it(client):
    query = step("q", "GET", "/query?q=SELECT+COUNT()+FROM+Account")
    answer = await composite(client, A, query, allOrNone=True)
    assert parts(answer)[1]["body"]["totalSize"] == 1


async def test_a_failed_all_or_none_collection_undoes_an_all_or_none_composite(client, org):
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("B", None)]
    body = {"allOrNone": True, "records": records}
    answer = await composite(client, A, step("s", "POST", "/composite/sobjects", body), allOrNone=True)
    assert parts(answer)[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert parts(answer)[1]["httpStatusCode"] == 200
    assert org.counts["Account"] == 0


async def test_a_describe_may_be_conditional(client):
    first = parts(await composite(client, step("d", "GET", "/sobjects/Account/describe")))[0]
    since = first["httpHeaders"]["Last-Modified"]
    second = step("d", "GET", "/sobjects/Account/describe", **{"If-Modified-Since": since})
    assert parts(await composite(client, second))[0]["httpStatusCode"] == 304


@pytest.mark.parametrize(
    ("steps", "code", "message"),
    [
        (
            [step(f"r{number}", "GET", "/limits") for number in range(26)],
            "LIMIT_EXCEEDED",
            "The composite request has more than 25 subrequests",
        ),
        (
            [step(f"r{number}", "GET", "/query?q=SELECT+Id+FROM+Account") for number in range(6)],
            "LIMIT_EXCEEDED",
            "The composite request has more than 5 query or sObject collection subrequests",
        ),
        ([A, A], "INVALID_INPUT", "The reference id is not unique: a"),
        ([step("a-b", "GET", "/limits")], "INVALID_INPUT", "Provided referenceId is invalid: a-b"),
        (
            [step("a", "GET", "/limits", Authorization="x")],
            "INVALID_INPUT",
            "The header is not allowed in a subrequest: Authorization",
        ),
        ([], "MISSING_ARGUMENT", "The required field 'compositeRequest' is missing or empty"),
    ],
)
async def test_a_composite_that_is_wrong_as_a_whole_runs_nothing(client, org, steps, code, message):
    answer = await composite(client, *steps)
    assert answer.status_code == 400
    assert error(answer) == {"errorCode": code, "message": message}
    assert org.counts["Account"] == 0


async def test_a_composite_is_one_call_and_a_batch_as_many_as_it_holds(client, org):
    used = org.meters.api_calls.used
    await composite(client, step("a", "GET", "/limits"), step("b", "GET", "/limits"))
    assert org.meters.api_calls.used == used + 1
    requests = [{"method": "GET", "url": "v67.0/limits"}] * 3
    await client.post(f"{V}/composite/batch", json={"batchRequests": requests})
    assert org.meters.api_calls.used == used + 4


async def test_a_batch_takes_both_forms_of_address_and_halts_when_told(client):
    requests = [
        {"method": "GET", "url": f"{V}/sobjects/Account/describe"},
        {"method": "GET", "url": "v60.0/sobjects/Nope/describe"},
        {"method": "POST", "url": "v60.0/sobjects/Account", "richInput": {"Name": "A"}},
    ]
    answer = (await client.post(f"{V}/composite/batch", json={"batchRequests": requests})).json()
    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == [200, 404, 201]
    body = {"haltOnError": True, "batchRequests": requests}
    answer = (await client.post(f"{V}/composite/batch", json=body)).json()
    assert answer["results"][2] == {
        "statusCode": 412,
        "result": [
            {
                "errorCode": "BATCH_PROCESSING_HALTED",
                "message": "Batch processing halted per request. Please see the previous requests for errors.",
            }
        ],
    }


async def test_each_graph_stands_or_falls_by_itself(client, org):
    graphs = [{"graphId": "1", "compositeRequest": [A]}, {"graphId": "2", "compositeRequest": [A, BAD]}]
    answer = (await client.post(f"{V}/composite/graph", json={"graphs": graphs})).json()["graphs"]
    assert [(graph["graphId"], graph["isSuccessful"]) for graph in answer] == [("1", True), ("2", False)]
    halted = answer[1]["graphResponse"]["compositeResponse"][0]
    assert halted["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert org.counts["Account"] == 1


async def test_after_fifteen_failed_graphs_the_rest_is_halted(client, org):
    graphs = [{"graphId": str(number), "compositeRequest": [BAD]} for number in range(15)]
    graphs.append({"graphId": "last", "compositeRequest": [A]})
    answer = (await client.post(f"{V}/composite/graph", json={"graphs": graphs})).json()["graphs"]
    assert answer[-1]["isSuccessful"] is False
    assert org.counts["Account"] == 0


def tree(reference, **fields):
    return {"attributes": {"type": "Account", "referenceId": reference}, "Name": reference, **fields}


def contacts(*names):
    attributes = [{"type": "Contact", "referenceId": f"c{name}"} for name in names]
    pairs = zip(attributes, names, strict=True)
    return {"records": [{"attributes": each, "LastName": name} for each, name in pairs]}


async def test_a_tree_makes_children_under_their_parents(client, org):
    body = {"records": [tree("r1", Contacts=contacts("x", "y")), tree("r2")]}
    answer = await client.post(f"{V}/composite/tree/Account", json=body)
    assert answer.status_code == 201
    assert answer.json()["hasErrors"] is False
    ids = {result["referenceId"]: result["id"] for result in answer.json()["results"]}
    assert set(ids) == {"r1", "cx", "cy", "r2"}
    assert org.records["Contact"].whole(ids["cx"])["AccountId"] == ids["r1"]


async def test_a_tree_with_one_bad_record_makes_nothing(client, org):
    body = {"records": [tree("r1", Contacts=contacts("x", None))]}
    answer = await client.post(f"{V}/composite/tree/Account", json=body)
    assert answer.status_code == 400
    assert answer.json() == {
        "hasErrors": True,
        "results": [
            {
                "referenceId": "cNone",
                "errors": [
                    {
                        "statusCode": "REQUIRED_FIELD_MISSING",
                        "message": "Required fields are missing: [LastName]",
                        "fields": ["LastName"],
                    }
                ],
            }
        ],
    }
    assert org.counts["Account"] == 0


async def test_the_family_lists_its_addresses(client):
    answer = (await client.get(f"{V}/composite")).json()
    assert answer == {name: f"{V}/composite/{name}" for name in ("tree", "batch", "sobjects", "graph")}


async def test_two_accounts_made_elsewhere_survive_a_rolled_back_composite(client, org):
    make_accounts(org, 2)
    await composite(client, A, BAD, allOrNone=True)
    assert org.counts["Account"] == 2
