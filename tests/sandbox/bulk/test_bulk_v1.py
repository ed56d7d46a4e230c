"""Bulk API 1.0: jobs of batches, in JSON and XML, as the Singer tap, jsforce, simple-salesforce and
salesforce_bulk speak it.
"""

import asyncio
import gzip
import json
from xml.etree import ElementTree as ET

import httpx
import pytest

from sandbox.org.data.identity import load_identity
from sandbox.org.faults.faults import FaultRule
from tests.sandbox.bulk_org import bulk_client, csv_text, open_bulk_org, rows_of, until

JOB = "/services/async/61.0/job"
NS = "{http://www.force.com/2009/06/asyncapi/dataload}"
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml; charset=UTF-8"}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return load_identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def org(identity, tmp_path):
    org = open_bulk_org(tmp_path, identity)
    yield org
    org.store.close()


@pytest.fixture
async def client(org):
    async with bulk_client(org) as client:
        del client.headers["authorization"]
        yield client


def make_accounts(org, count, **fields):
    with org.transaction() as tx:
        return [tx.create("Account", {"Name": f"Account {n:04d}", **fields}) for n in range(count)]


def xml(response):
    """The children of the root as a dict."""
    assert response.headers["content-type"].startswith("application/xml"), response.text
    return {child.tag.removeprefix(NS): child.text for child in ET.fromstring(response.content)}


async def new_job(client, headers=None, **body):
    response = await client.post(JOB, json=body, headers=headers or {})
    assert response.status_code == 201, response.text
    return response.json()


async def ended(client, job_id, batch_id, *, state="Completed", path=JOB):
    info = httpx.Response(404)
    for _ in range(500):
        info = await client.get(f"{path}/{job_id}/batch/{batch_id}", headers={"Accept": "application/json"})
        if info.json()["state"] not in ("Queued", "InProgress"):
            assert info.json()["state"] == state, info.json()
            return info.json()
        await asyncio.sleep(0.005)
    raise AssertionError(info.json())


async def test_a_csv_query_is_made_in_json_and_told_in_xml(client, org):
    ids = make_accounts(org, 3)
    job = await new_job(client, operation="queryAll", object="Account", contentType="CSV")
    assert (job["state"], job["apiVersion"], job["numberBatchesTotal"]) == ("Open", 61.0, 0)
    added = await client.post(f"{JOB}/{job['id']}/batch", content="SELECT Id, Name FROM Account", headers=CSV)
    assert added.status_code == 201
    batch = xml(added)
    assert (batch["jobId"], batch["state"]) == (job["id"], "Queued")
    closed = await client.post(f"{JOB}/{job['id']}", json={"state": "Closed"})
    assert (closed.status_code, closed.json()["state"]) == (200, "Closed")
    await ended(client, job["id"], batch["id"])
    path = f"{JOB}/{job['id']}/batch/{batch['id']}"
    assert xml(await client.get(path, headers=JSON))["state"] == "Completed"
    result = xml(await client.get(f"{path}/result"))["result"]
    rows = await client.get(f"{path}/result/{result}", headers=CSV)
    assert rows.headers["content-type"].startswith("text/csv")
    assert [row["Id"] for row in rows_of(rows)] == ids
    assert (await client.get(f"{path}/request")).text == "SELECT Id, Name FROM Account"
    info = (await client.get(f"{JOB}/{job['id']}", headers=JSON)).json()
    assert (info["numberBatchesCompleted"], info["numberRecordsProcessed"]) == (1, 3)


async def test_an_empty_result_says_so_in_one_line(client):
    job = await new_job(client, operation="query", object="Account", contentType="CSV")
    batch = xml(await client.post(f"{JOB}/{job['id']}/batch", content="SELECT Id FROM Account", headers=CSV))
    path = f"{JOB}/{job['id']}/batch/{batch['id']}"
    info = await ended(client, job["id"], batch["id"])
    assert info["createdDate"].endswith("+0000")
    result = xml(await client.get(f"{path}/result"))["result"]
    assert (await client.get(f"{path}/result/{result}")).text == "Records not found for this query"


async def test_pk_chunking_makes_a_batch_of_each_range_of_keys(client, org):
    ids = make_accounts(org, 25)
    headers = {"Sforce-Enable-PKChunking": "true; chunkSize=10"}
    job = await new_job(client, headers, operation="query", object="Account", contentType="CSV")
    first = xml(
        await client.post(
            f"{JOB}/{job['id']}/batch", content="SELECT Id FROM Account WHERE Name > 'A'", headers=CSV
        )
    )
    await ended(client, job["id"], first["id"], state="NotProcessed")
    listed = await client.get(f"{JOB}/{job['id']}/batch")
    infos = [{c.tag.removeprefix(NS): c.text for c in each} for each in ET.fromstring(listed.content)]
    assert infos[0]["id"] == first["id"]
    seen = []
    for info in infos[1:]:
        await ended(client, job["id"], info["id"])
        path = f"{JOB}/{job['id']}/batch/{info['id']}/result"
        seen.append(
            [
                row["Id"]
                for row in rows_of(await client.get(f"{path}/{xml(await client.get(path))['result']}"))
            ]
        )
    assert seen == [ids[:10], ids[10:20], ids[20:]]


async def test_chunking_begins_at_the_start_row(client, org):
    ids = make_accounts(org, 6)
    headers = {"Sforce-Enable-PKChunking": f"chunkSize=2; startRow={ids[3]}"}
    job = await new_job(client, headers, operation="query", object="Account", contentType="CSV")
    packed = gzip.compress(b"SELECT Id FROM Account")
    sent = {**CSV, "Content-Encoding": "gzip"}
    first = xml(await client.post(f"{JOB}/{job['id']}/batch", content=packed, headers=sent))
    await ended(client, job["id"], first["id"], state="NotProcessed")
    infos = (await client.get(f"{JOB}/{job['id']}/batch", headers={"Accept": "application/json"})).json()
    counts = [
        (await ended(client, job["id"], info["id"]))["numberRecordsProcessed"]
        for info in infos["batchInfo"][1:]
    ]
    assert counts == [2, 1]


async def test_a_query_that_cannot_be_read_fails_its_batch(client):
    job = await new_job(client, operation="query", object="Account", contentType="CSV")
    batch = xml(await client.post(f"{JOB}/{job['id']}/batch", content="SELECT Foo FROM Account", headers=CSV))
    info = await ended(client, job["id"], batch["id"], state="Failed")
    assert info["stateMessage"].startswith("InvalidBatch : Failed to process query: INVALID_FIELD: ")


async def test_json_rows_are_told_in_their_order(client, org):
    old = org.create("Account", {"Name": "Old", "ExternalId__c": "E1"})
    job = await new_job(
        client, operation="upsert", object="Account", contentType="JSON", externalIdFieldName="ExternalId__c"
    )
    rows = [
        {"ExternalId__c": "E1", "Name": "New"},
        {"ExternalId__c": "E2"},
        {"ExternalId__c": "E3", "Name": "C"},
    ]
    batch = (await client.post(f"{JOB}/{job['id']}/batch", json=rows)).json()
    assert batch["state"] == "Queued"
    await ended(client, job["id"], batch["id"])
    results = (await client.get(f"{JOB}/{job['id']}/batch/{batch['id']}/result", headers=JSON)).json()
    assert results[0] == {"success": True, "created": False, "id": old, "errors": []}
    assert (results[1]["success"], results[1]["errors"][0]["statusCode"]) == (False, "REQUIRED_FIELD_MISSING")
    assert (results[2]["success"], results[2]["created"]) == (True, True)


async def test_json_queries_give_records_with_times_in_milliseconds(client, org):
    org.create("Account", {"Name": "A", "LastReviewedAt__c": "1970-01-01T00:00:01.000Z"})
    job = await new_job(client, operation="query", object="Account", contentType="JSON")
    soql = "SELECT Name, LastReviewedAt__c FROM Account"
    batch = (await client.post(f"{JOB}/{job['id']}/batch", content=soql, headers=JSON)).json()
    await ended(client, job["id"], batch["id"])
    path = f"{JOB}/{job['id']}/batch/{batch['id']}/result"
    [result] = (await client.get(path, headers=JSON)).json()
    [record] = (await client.get(f"{path}/{result}", headers=JSON)).json()
    assert (record["attributes"]["type"], record["Name"], record["LastReviewedAt__c"]) == (
        "Account",
        "A",
        1000,
    )


async def test_everything_can_be_said_in_xml(client, org):
    made = await client.post(
        JOB,
        content='<?xml version="1.0"?><jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload">'
        "<operation>insert</operation><object>Account</object><contentType>XML</contentType></jobInfo>",
        headers=XML,
    )
    job = xml(made)
    assert (made.status_code, job["state"], job["concurrencyMode"]) == (201, "Open", "Parallel")
    body = (
        '<sObjects xmlns="http://www.force.com/2009/06/asyncapi/dataload" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<sObject><Name>A &amp; B</Name><Phone xsi:nil='true'/></sObject><sObject><Phone>1</Phone></sObject></sObjects>"
    )
    batch = xml(await client.post(f"{JOB}/{job['id']}/batch", content=body, headers=XML))
    await ended(client, job["id"], batch["id"])
    results = ET.fromstring((await client.get(f"{JOB}/{job['id']}/batch/{batch['id']}/result")).content)
    assert [each.findtext(f"{NS}success") for each in results] == ["true", "false"]
    assert results[1].findtext(f"{NS}errors/{NS}statusCode") == "REQUIRED_FIELD_MISSING"
    assert org.counts["Account"] == 1
    evil = await client.post(f"{JOB}", content="<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", headers=XML)
    assert (evil.status_code, xml(evil)["exceptionCode"]) == (400, "InvalidXML")


async def test_xml_queries_give_records_with_nil_for_null(client, org):
    org.create("Account", {"Name": "A < B", "LastReviewedAt__c": "2026-01-02T03:04:05.000Z"})
    job = await new_job(client, operation="query", object="Account", contentType="XML")
    soql = "SELECT Name, Phone, LastReviewedAt__c, Verified__c, Parent.Name FROM Account"
    batch = xml(await client.post(f"{JOB}/{job['id']}/batch", content=soql, headers=XML))
    await ended(client, job["id"], batch["id"])
    path = f"{JOB}/{job['id']}/batch/{batch['id']}/result"
    result = await client.get(f"{path}/{xml(await client.get(path))['result']}")
    [record] = ET.fromstring(result.content)
    values = {child.tag.removeprefix(NS): child.text for child in record}
    assert values == {
        "type": "Account",
        "Name": "A < B",
        "Phone": None,
        "LastReviewedAt__c": "2026-01-02T03:04:05.000Z",
        "Verified__c": "false",
        "Parent": None,
    }


async def test_csv_rows_are_written_and_told_as_csv(client, org):
    job = await new_job(client, operation="insert", object="Account", contentType="CSV")
    body = csv_text([{"Name": "A"}, {"Name": ""}], newline="\r\n")
    batch = xml(await client.post(f"{JOB}/{job['id']}/batch", content=body, headers=CSV))
    info = await ended(client, job["id"], batch["id"])
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (2, 1)
    [good, bad] = rows_of(await client.get(f"{JOB}/{job['id']}/batch/{batch['id']}/result"))
    assert (good["Success"], good["Created"], good["Error"], good["Id"][:3]) == ("true", "true", "", "001")
    assert bad["Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert (org.meters.bulk_batches.used, org.meters.bulk_rows.used) == (1, 2)
    origins = [json.loads(row[0]) for row in org.store.connection.execute("SELECT body FROM events")]
    assert origins[0]["payload"]["ChangeEventHeader"]["changeOrigin"] == "com/salesforce/api/bulkapi/61.0"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"operation": "query", "object": "Nothing"}, "InvalidJob", "Unable to find object: Nothing"),
        ({"operation": "merge", "object": "Account"}, "InvalidJob", "merge"),
        ({"operation": "upsert", "object": "Account"}, "InvalidJob", "External ID was blank for Account"),
        (
            {"operation": "query", "object": "Account", "contentType": "ZIP_CSV"},
            "FeatureNotEnabled",
            "ZIP_CSV",
        ),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused(client, body, code, words):
    response = await client.post(JOB, json=body)
    assert (response.status_code, response.json()["exceptionCode"]) == (400, code)
    assert words in response.json()["exceptionMessage"]


async def test_a_lost_session_is_a_400_of_this_api(client):
    response = await client.get(f"{JOB}/750000000000000AAA", headers={"X-SFDC-Session": "none"})
    assert response.status_code == 400
    assert xml(response) == {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}


async def test_unknown_jobs_batches_and_addresses_are_refused(client):
    assert xml(await client.get(f"{JOB}/7500"))["exceptionCode"] == "InvalidJob"
    job = await new_job(client, operation="query", object="Account", contentType="CSV")
    assert xml(await client.get(f"{JOB}/{job['id']}/batch/7510"))["exceptionCode"] == "InvalidBatch"
    assert xml(await client.get("/services/async/61.0/nothing"))["exceptionCode"] == "InvalidUrl"
    for version in ("99.0", "20.0", "x"):
        refused = await client.get(f"/services/async/{version}/job/{job['id']}")
        assert xml(refused)["exceptionCode"] == "InvalidVersion"


async def test_a_closed_job_takes_no_batch_and_an_aborted_one_processes_none(client, org):
    org.dials.bulk.hold = True
    job = await new_job(client, operation="query", object="Account", contentType="CSV")
    path = f"{JOB}/{job['id']}"
    batch = xml(await client.post(f"{path}/batch", content="SELECT Id FROM Account", headers=CSV))
    assert (await client.post(path, json={"state": "Aborted"})).json()["state"] == "Aborted"
    assert xml(await client.get(f"{path}/batch/{batch['id']}"))["state"] == "NotProcessed"
    refused = await client.post(f"{path}/batch", content="SELECT Id FROM Account", headers=CSV)
    assert xml(refused)["exceptionCode"] == "InvalidJobState"
    assert xml(await client.get(f"{path}/batch/{batch['id']}/result"))["exceptionCode"] == "InvalidBatch"


async def test_a_failing_batch_says_why(client, org):
    org.faults.add(FaultRule(point="bulk.job", kind="fail", code="Timeout", message="too long"))
    job = await new_job(client, operation="query", object="Account", contentType="CSV")
    batch = xml(await client.post(f"{JOB}/{job['id']}/batch", content="SELECT Id FROM Account", headers=CSV))
    assert (await ended(client, job["id"], batch["id"], state="Failed"))[
        "stateMessage"
    ] == "Timeout : too long"


async def test_a_batch_goes_on_after_a_restart(identity, tmp_path):
    org = open_bulk_org(tmp_path, identity)
    make_accounts(org, 2)
    async with bulk_client(org) as client:
        org.dials.bulk.hold = True
        job = await new_job(client, operation="query", object="Account", contentType="CSV")
        added = await client.post(f"{JOB}/{job['id']}/batch", content="SELECT Id FROM Account", headers=CSV)
        batch = xml(added)["id"]
    org.store.close()
    org = open_bulk_org(tmp_path, identity)
    async with bulk_client(org) as client:
        assert (await ended(client, job["id"], batch))["numberRecordsProcessed"] == 2
        again = await new_job(client, operation="query", object="Account", contentType="CSV")
        assert again["id"] > job["id"]
    org.store.close()


async def test_json_is_answered_with_its_bare_media_type(client):
    made = await client.post(JOB, json={"operation": "query", "object": "Account", "contentType": "JSON"})
    refused = await client.post(JOB, content=b"{", headers=JSON)
    path = f"{JOB}/{made.json()['id']}"
    batch = await client.post(f"{path}/batch", content="SELECT Id FROM Account", headers=JSON)
    await until(client, f"{path}/batch/{batch.json()['id']}", "Completed")
    listed = await client.get(f"{path}/batch/{batch.json()['id']}/result")
    result = await client.get(f"{path}/batch/{batch.json()['id']}/result/{listed.json()[0]}")
    for answer in (made, refused, batch, listed, result):
        assert answer.headers["content-type"] == "application/json"
    assert refused.json()["exceptionMessage"].startswith("Unable to parse Job: Unexpected end-of-input")


async def test_an_object_that_is_missing_is_told_as_null(client):
    answer = await client.post(JOB, json={"operation": "query", "contentType": "CSV"})
    assert answer.json()["exceptionMessage"] == "Unable to find object: null"


async def test_a_refused_method_is_told_which_others_there_are(client):
    """RFC 9110, "405 Method Not Allowed"."""
    answer = await client.put("/services/async/67.0/job", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["exceptionCode"] == "InvalidUrl"
