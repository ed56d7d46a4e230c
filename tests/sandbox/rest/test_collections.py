"""sObject Collections: up to 200 rows a call, each with an outcome of its own."""

from tests.sandbox.rest_client import V, error, make_accounts

C = f"{V}/composite/sobjects"


def account(name, **fields):
    return {"attributes": {"type": "Account"}, "Name": name, **fields}


def case(**fields):
    return {"attributes": {"type": "Case"}, "Subject": "x", **fields}


async def test_every_row_of_a_create_gets_its_own_outcome_in_order(client, org):
    answer = await client.post(
        C, json={"records": [account("A"), account(None), case(Status="New", Origin="Web")]}
    )
    assert answer.status_code == 200
    first, second, _ = answer.json()
    assert first["id"].startswith("001")
    assert first == {"id": first["id"], "success": True, "errors": []}
    assert second == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [Name]",
                "fields": ["Name"],
            }
        ],
    }
    assert org.counts["Account"] == 1


async def test_all_or_none_writes_nothing_and_still_answers_200(client, org):
    answer = await client.post(C, json={"allOrNone": True, "records": [account("A"), account(None)]})
    assert answer.status_code == 200
    assert [row["errors"][0]["statusCode"] for row in answer.json()] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert org.counts["Account"] == 0


async def test_201_rows_are_refused(client):
    answer = await client.post(C, json={"records": [account("A")] * 201})
    assert (answer.status_code, error(answer)) == (
        400,
        {
            "errorCode": "EXCEEDED_ID_LIMIT",
            "message": "record limit reached. cannot submit more than 200 records into this call",
        },
    )


async def test_eleven_chunks_are_refused(client):
    records = [account("A"), case()] * 5
    assert (await client.post(C, json={"records": records})).status_code == 200
    answer = await client.post(C, json={"records": [*records, account("A")]})
    assert answer.status_code == 400
    assert error(answer) == {
        "errorCode": "LIMIT_EXCEEDED",
        "message": "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking.",
    }


async def test_a_row_without_a_type_is_refused(client):
    answer = await client.post(C, json={"records": [{"Name": "A"}]})
    assert answer.status_code == 400
    assert error(answer) == {
        "errorCode": "JSON_PARSER_ERROR",
        "message": "Missing entity type information. sObject requires a separate 'attributes' field to be "
        "specified with entity type info.",
    }


async def test_a_value_of_no_type_of_its_field_refuses_the_whole_collection(client, org):
    answer = await client.post(C, json={"records": [account("A"), account("B", AnnualRevenue="much")]})
    assert (answer.status_code, error(answer)["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert "AnnualRevenue" in error(answer)["message"]
    assert org.counts["Account"] == 0


async def test_an_update_takes_ids_in_either_spelling_and_reports_a_missing_record(client, org):
    [known] = make_accounts(org, 1)
    records = [account("B", id=known), account("B", Id="001000000000zzzAAA")]
    good, bad = (await client.patch(C, json={"records": records})).json()
    assert good == {"id": known, "success": True, "errors": []}
    assert bad["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    assert bad["errors"][0]["message"] == "invalid cross reference id"


async def test_an_upsert_by_id_creates_without_and_updates_with_an_id(client, org):
    [known] = make_accounts(org, 1)
    body = {"records": [account("New"), account("Old", Id=known)]}
    made, changed = (await client.patch(f"{C}/Account/Id", json=body)).json()
    assert (made["created"], changed["created"]) == (True, False)
    assert changed["id"] == known
    assert org.counts["Account"] == 2


async def test_an_upsert_that_names_a_record_twice_writes_neither_row(client, org):
    rows = [
        account(name, ExternalId__c=key) for name, key in (("one", "a-1"), ("two", "A-2"), ("three", "A-1"))
    ]
    answer = await client.patch(f"{V}/composite/sobjects/Account/ExternalId__c", json={"records": rows})
    errors = [[error["statusCode"] for error in row["errors"]] for row in answer.json()]
    assert errors == [["DUPLICATE_VALUE"], [], ["DUPLICATE_VALUE"]]
    assert answer.json()[2]["errors"][0]["message"] == "Duplicate external id specified: A-1"
    assert org.counts["Account"] == 1


async def test_an_upsert_by_a_field_that_is_no_external_id_is_404(client):
    answer = await client.patch(f"{C}/Account/Name", json={"records": [account("A")]})
    assert answer.status_code == 404
    assert error(answer) == {
        "errorCode": "NOT_FOUND",
        "message": "Field name provided, Name is not an External ID or indexed field for Account",
    }


async def test_a_delete_tells_each_id(client, org):
    ids = make_accounts(org, 2)
    await client.delete(C, params={"ids": ids[0]})
    first, second = (await client.delete(C, params={"ids": ",".join(ids)})).json()
    assert first["errors"] == [
        {"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}
    ]
    assert second == {"id": ids[1], "success": True, "errors": []}


async def test_a_retrieve_keeps_the_order_and_has_null_for_what_is_not_there(client, org):
    ids = make_accounts(org, 3)
    org.delete("Account", ids[1])
    asked = [ids[2], "001000000000zzzAAA", ids[1], ids[0]]
    got = await client.get(f"{C}/Account", params={"ids": ",".join(asked), "fields": "Id,Name"})
    posted = await client.post(f"{C}/Account", json={"ids": asked, "fields": ["Id", "Name"]})
    assert got.json() == posted.json()
    assert [row and row["Name"] for row in got.json()] == ["Account 00002", None, None, "Account 00000"]


async def test_a_retrieve_of_an_unknown_field_is_400(client, org):
    [known] = make_accounts(org, 1)
    answer = await client.get(f"{C}/Account", params={"ids": known, "fields": "Nope"})
    assert answer.status_code == 400
    assert error(answer)["errorCode"] == "INVALID_FIELD"
    assert error(answer)["message"].startswith("No such column 'Nope' on entity 'Account'.")


async def test_a_collection_is_one_api_call(client, org):
    before = org.meters.api_calls.used
    await client.post(C, json={"records": [account("A")] * 200})
    assert org.meters.api_calls.used == before + 1
