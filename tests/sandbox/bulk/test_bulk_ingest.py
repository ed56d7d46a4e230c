"""Ingest jobs of Bulk API 2.0: what they take, what they write, and what they say of each row."""

import json

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.org.data.identity import load_identity
from sandbox.org.faults.faults import FaultRule
from sandbox.org.soql.compiler import compile_soql
from tests.sandbox.bulk_org import V, bulk_client, csv_text, error, open_bulk_org, rows_of, until

JOBS = f"{V}/jobs/ingest"


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return load_identity(tmp_path_factory.mktemp("identity"))


BLANK = "".join(map(chr, range(33)))
"""Characters that Salesforce trims from the ends of a text."""


@pytest.fixture
def org(identity, tmp_path):
    org = open_bulk_org(tmp_path, identity)
    yield org
    org.store.close()


@pytest.fixture
async def client(org):
    async with bulk_client(org) as client:
        yield client


def read(org, soql):
    statement = compile_soql(soql, org.entities).rows()
    return [row[1:] for row in org.store.connection.execute(*statement)]


async def created(client, operation="insert", name="Account", **options):
    response = await client.post(JOBS, json={"object": name, "operation": operation, **options})
    assert response.status_code == 200, response.text
    return response.json()


async def put(client, job, body, content_type="text/csv"):
    return await client.put(f"/{job['contentUrl']}", content=body, headers={"Content-Type": content_type})


async def ingested(client, body, operation="insert", name="Account", *, state="JobComplete", **options):
    """Path and info of a job that has ended."""
    job = await created(client, operation, name, **options)
    assert (await put(client, job, body)).status_code == 201
    path = f"{JOBS}/{job['id']}"
    closed = await client.patch(path, json={"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete"
    return path, await until(client, path, state)


async def test_a_job_is_open_until_its_rows_are_closed(client, org):
    job = await created(client)
    assert (job["state"], job["apiVersion"], job["concurrencyMode"]) == ("Open", 67.0, "Parallel")
    assert job["contentUrl"] == f"services/data/v67.0/jobs/ingest/{job['id']}/batches"
    uploaded = await put(client, job, b"Name\nA\n", "text/csv; charset=UTF-8")
    assert (uploaded.status_code, uploaded.content) == (201, b"")
    assert org.counts["Account"] == 0
    second = await put(client, job, b"Name\nB\n")
    assert second.status_code == 400
    assert error(second)["message"].startswith(f"Found multiple contents for job: <{job['id']}>")
    path = f"{JOBS}/{job['id']}"
    assert (await client.delete(path)).status_code == 400
    await client.patch(path, json={"state": "UploadComplete"})
    info = await until(client, path, "JobComplete")
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (1, 0)
    assert (info["jobType"], info["apexProcessingTime"], "contentUrl" in info) == ("V2Ingest", 0, False)
    assert org.counts["Account"] == 1
    assert error(await client.patch(path, json={"state": "UploadComplete"}))["message"] == (
        "Closing already Completed Job not allowed"
    )
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_some_rows_fail_and_the_job_completes(client, org):
    body = csv_text([{"Name": "A", "Phone": "1"}, {"Name": "", "Phone": "2"}, {"Name": "C", "Phone": "3"}])
    path, info = await ingested(client, body)
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (
        "JobComplete",
        3,
        1,
    )
    good = rows_of(await client.get(f"{path}/successfulResults/"))
    assert list(good[0]) == ["sf__Id", "sf__Created", "Name", "Phone"]
    assert {(row["sf__Created"], row["Name"]) for row in good} == {("true", "A"), ("true", "C")}
    assert {row["sf__Id"][:3] for row in good} == {"001"}
    failed = await client.get(f"{path}/failedresults")
    assert failed.text == (
        '"sf__Id","sf__Error","Name","Phone"\n'
        '"","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --","","2"\n'
    )
    assert (org.meters.bulk_batches.used, org.meters.bulk_rows.used) == (1, 3)


async def test_empty_leaves_a_value_and_na_empties_it(client, org):
    made = org.create("Account", {"Name": "A", "Phone": "1", "Website": "w"})
    await ingested(
        client, csv_text([{"Id": made, "Phone": "", "Website": "#N/A", "Verified__c": "yes"}]), "update"
    )
    assert read(org, "SELECT Phone, Website, Verified__c FROM Account") == [("1", None, 1)]


async def test_upsert_tells_created_from_updated(client, org):
    old = org.create("Account", {"Name": "Old", "ExternalId__c": "E1"})
    rows = [{"ExternalId__c": "E1", "Name": "New"}, {"ExternalId__c": "E2", "Name": "Other"}]
    path, _ = await ingested(client, csv_text(rows), "upsert", externalIdFieldName="externalid__C")
    good = {row["ExternalId__c"]: row for row in rows_of(await client.get(f"{path}/successfulResults"))}
    assert (good["E1"]["sf__Id"], good["E1"]["sf__Created"]) == (old, "false")
    assert good["E2"]["sf__Created"] == "true"
    assert sorted(read(org, "SELECT Name FROM Account")) == [("New",), ("Other",)]


async def test_parents_are_found_by_external_id(client, org):
    parent = org.create("Account", {"Name": "P", "ExternalId__c": "P-1"})
    rows = [
        {"LastName": "A", "Account.ExternalId__c": "P-1", "User:Owner.Username": ""},
        {"LastName": "B", "Account.ExternalId__c": "P-2", "User:Owner.Username": ""},
    ]
    path, info = await ingested(client, csv_text(rows), name="Contact")
    assert read(org, "SELECT AccountId FROM Contact") == [(parent,)]
    [failed] = rows_of(await client.get(f"{path}/failedResults"))
    assert "Foreign key external ID: P-2 not found" in failed["sf__Error"]
    assert info["numberRecordsFailed"] == 1


async def test_a_delete_takes_ids_and_tells_the_ones_that_are_gone(client, org):
    made = org.create("Account", {"Name": "A"})
    path, info = await ingested(client, f"Id\n{made}\n\n{made}\n".encode(), "delete")
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (2, 1)
    [failed] = rows_of(await client.get(f"{path}/failedResults"))
    assert (failed["sf__Id"], failed["sf__Error"]) == (made, "ENTITY_IS_DELETED:entity is deleted:--")


@pytest.mark.parametrize("operation", ["delete", "update"])
async def test_a_record_that_is_not_there_is_an_invalid_reference(client, org, operation):
    """REST API Developer Guide, "Status Codes": INVALID_CROSS_REFERENCE_KEY, as in other
    results.
    """
    csv = {"delete": "Id\n001000000000000AAA\n", "update": "Id,Name\n001000000000000AAA,B\n"}[operation]
    path, info = await ingested(client, csv.encode(), operation)
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (1, 1)
    [failed] = rows_of(await client.get(f"{path}/failedResults"))
    assert failed["sf__Error"] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"


async def test_a_row_without_an_id_fails_alone(client, org):
    made = org.create("Account", {"Name": "A"})
    path, info = await ingested(client, f"Id,Name\n,X\n{made},B\n".encode(), "update")
    assert info["numberRecordsFailed"] == 1
    assert "MISSING_ARGUMENT:Id not specified" in (await client.get(f"{path}/failedResults")).text
    assert read(org, "SELECT Name FROM Account") == [("B",)]


@pytest.mark.parametrize(
    ("body", "ending", "words"),
    [
        (b"Name\r\nA\r\n", "LF", "LineEnding is invalid on user data. Current LineEnding setting is LF"),
        (b"Name\nA\n", "CRLF", "LineEnding is invalid on user data. Current LineEnding setting is CRLF"),
        (b"Nothing__c\nA\n", "LF", "Field name not found : Nothing__c"),
        (b'Name\n"A"x\n', "LF", "Failed to parse CSV"),
        (b"Name,Phone\nA\n", "LF", "Record has 1 fields"),
        (b"", "LF", "Unable to read the header row"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_the_job_and_stays_unprocessed(
    client, org, body, ending, words
):
    path, info = await ingested(client, body, state="Failed", lineEnding=ending)
    assert info["errorMessage"].startswith("InvalidBatch : ")
    assert words in info["errorMessage"]
    assert (await client.get(f"{path}/unprocessedRecords")).content == body
    assert org.counts["Account"] == 0


async def test_a_byte_order_mark_and_another_dialect_are_read(client, org):
    body = '\ufeffName;Phone\r\n"A;\nB";1\r\n'.encode()
    await ingested(client, body, columnDelimiter="SEMICOLON", lineEnding="CRLF")
    assert read(org, "SELECT Name, Phone FROM Account") == [("A;\nB", "1")]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"object": "Nothing", "operation": "insert"}, "INVALIDJOB", "Unable to find object: Nothing"),
        ({"object": "Account", "operation": "upsert"}, "INVALIDJOB", "External ID was blank for Account"),
        (
            {"object": "Account", "operation": "upsert", "externalIdFieldName": "Phone"},
            "INVALIDJOB",
            "does not match an External ID",
        ),
        ({"object": "Account", "operation": "merge"}, "JSON_PARSER_ERROR", "'merge'"),
        ({"object": "Account", "operation": "insert", "foo": 1}, "JSON_PARSER_ERROR", "foo"),
        (
            {"object": "Account", "operation": "insert", "contentType": "JSON"},
            "INVALIDJOB",
            "The only content type supported is CSV",
        ),
        ({"object": "User", "operation": "insert"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "User"),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused(client, body, code, words):
    response = await client.post(JOBS, json=body)
    assert response.status_code == 400
    assert error(response)["errorCode"] == code
    assert words in error(response)["message"]


async def test_a_form_brings_job_and_rows_in_one_call(client, org):
    job = json.dumps({"object": "Account", "operation": "insert"})
    body = (
        '--B\r\nContent-Disposition: form-data; name="job"\r\nContent-Type: application/json\r\n\r\n'
        f"{job}\r\n"
        '--B\r\nContent-Disposition: form-data; name="content"; filename="content"\r\n'
        "Content-Type: text/csv\r\n\r\nName\nA\n\r\n--B--\r\n"
    )
    response = await client.post(
        JOBS, content=body, headers={"Content-Type": 'multipart/form-data; boundary="B"'}
    )
    assert (response.status_code, response.json()["state"]) == (200, "UploadComplete")
    await until(client, f"{JOBS}/{response.json()['id']}", "JobComplete")
    assert read(org, "SELECT Name FROM Account") == [("A",)]


async def test_a_chunk_that_meets_a_lock_is_tried_again(client, org):
    rule = {"point": "row", "kind": "error", "code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain lock"}
    org.faults.add(FaultRule(**rule, times=2))
    _, info = await ingested(client, b"Name\nA\nB\n")
    assert (info["numberRecordsFailed"], info["retries"]) == (0, 1)
    org.faults.add(FaultRule(**rule))
    org.dials.bulk.chunk_attempts = 3
    path, info = await ingested(client, b"Name\nC\nD\n")
    assert (info["numberRecordsFailed"], info["retries"]) == (2, 2)
    assert "UNABLE_TO_LOCK_ROW:unable to obtain lock:--" in (await client.get(f"{path}/failedResults")).text
    assert org.counts["Account"] == 2


async def test_a_job_that_fails_keeps_what_it_wrote_and_lists_the_rest(client, org):
    org.faults.add(FaultRule(point="bulk.job", kind="fail", code="InternalServerError", message="broken"))
    body = csv_text([{"Name": f"A{n:04d}"} for n in range(1_000)])
    path, info = await ingested(client, body, state="Failed")
    assert info["errorMessage"] == "InternalServerError: broken"
    good = {row["Name"] for row in rows_of(await client.get(f"{path}/successfulResults"))}
    left = {row["Name"] for row in rows_of(await client.get(f"{path}/unprocessedrecords/"))}
    assert (len(good), info["numberRecordsProcessed"], org.counts["Account"]) == (600, 600, 600)
    assert good | left == {f"A{n:04d}" for n in range(1_000)}
    assert not good & left


async def test_results_are_not_in_the_order_of_the_file(client):
    names = [f"A{n:03d}" for n in range(150)]
    path, _ = await ingested(client, csv_text([{"Name": name} for name in names]))
    found = [row["Name"] for row in rows_of(await client.get(f"{path}/successfulResults"))]
    assert found != names
    assert sorted(found) == names


async def test_a_chunk_is_a_transaction_whose_events_name_the_bulk_api(client, org):
    await ingested(client, csv_text([{"Name": f"A{n}"} for n in range(250)]))
    rows = org.store.connection.execute("SELECT body FROM events").fetchall()
    headers = [json.loads(row[0])["payload"]["ChangeEventHeader"] for row in rows]
    assert {header["changeOrigin"] for header in headers} == {"com/salesforce/api/bulkapi/67.0"}
    assert len({header["transactionKey"] for header in headers}) == 2


async def test_over_the_daily_rows_the_job_fails(client, org):
    org.meters.bulk_rows.maximum = 1
    path, info = await ingested(client, b"Name\nA\nB\n", state="Failed")
    assert info["errorMessage"] == "LIMIT_EXCEEDED: Max number of records per day exceeded"
    assert len(rows_of(await client.get(f"{path}/unprocessedRecords"))) == 2


async def test_an_aborted_job_never_writes(client, org):
    org.dials.bulk.hold = True
    job = await created(client)
    await put(client, job, b"Name\nA\n")
    path = f"{JOBS}/{job['id']}"
    await client.patch(path, json={"state": "UploadComplete"})
    assert (await client.get(f"{path}/successfulResults")).status_code == 400
    assert (await client.patch(path, json={"state": "Aborted"})).json()["state"] == "Aborted"
    org.dials.bulk.hold = False
    assert (await client.get(path)).json()["state"] == "Aborted"
    assert org.counts["Account"] == 0
    listed = (await client.get(JOBS)).json()
    assert [entry["id"] for entry in listed["records"]] == [job["id"]]


async def test_a_job_goes_on_after_a_restart_without_writing_a_row_twice(identity, tmp_path):
    org = open_bulk_org(tmp_path, identity)
    async with bulk_client(org) as client:
        # The fault lets the job write 400 rows and then hold still in a lock it never gets.
        org.faults.add(
            FaultRule(point="row", kind="error", code="UNABLE_TO_LOCK_ROW", message="x", after=400)
        )
        org.dials.bulk.chunk_attempts = 1_000_000
        job = await created(client)
        await put(client, job, csv_text([{"Name": f"A{n:04d}"} for n in range(1_000)]))
        path = f"{JOBS}/{job['id']}"
        await client.patch(path, json={"state": "UploadComplete"})
        await until(client, path, 400, key="numberRecordsProcessed")
        service = client._transport.app.state.bulk
        [(_, task)] = service.runner._at_work.values()
        # A crash: nothing gets the chance to write anything down.
        task.cancel()
    org.store.close()
    org = open_bulk_org(tmp_path, identity)
    async with bulk_client(org) as client:
        info = await until(client, path, "JobComplete")
        assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (1_000, 0)
        good = [row["Name"] for row in rows_of(await client.get(f"{path}/successfulResults"))]
        assert sorted(good) == [f"A{n:04d}" for n in range(1_000)]
        assert org.counts["Account"] == 1_000
    org.store.close()


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"),
    min_size=1,
    max_size=40,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    texts=st.lists(
        st.one_of(TEXT, st.sampled_from(['"', '""', "a\nb", "a\r\nb", "\r", ",;|\t^`", " x "])),
        min_size=1,
        max_size=4,
    ),
    delimiter=st.sampled_from(
        [("COMMA", ","), ("TAB", "\t"), ("PIPE", "|"), ("CARET", "^"), ("BACKQUOTE", "`"), ("SEMICOLON", ";")]
    ),
    ending=st.sampled_from([("LF", "\n"), ("CRLF", "\r\n")]),
)
async def test_what_was_ingested_is_what_a_query_gives(client, org, texts, delimiter, ending):
    rows = [{"Name": f"N{n}", "Description": text} for n, text in enumerate(texts) if text != "#N/A"]
    if not rows:
        return
    dialect = {"columnDelimiter": delimiter[0], "lineEnding": ending[0]}
    body = csv_text(rows, delimiter=delimiter[1], newline=ending[1])
    path, info = await ingested(client, body, **dialect)
    assert info["numberRecordsFailed"] == 0, (await client.get(f"{path}/failedResults")).text
    ids = [
        row["sf__Id"]
        for row in rows_of(await client.get(f"{path}/successfulResults"), delimiter=delimiter[1])
    ]
    soql = f"SELECT Name, Description FROM Account WHERE Id IN ({', '.join(repr(each) for each in ids)}) ORDER BY Name"
    job = await client.post(f"{V}/jobs/query", json={"operation": "query", "query": soql, **dialect})
    query = f"{V}/jobs/query/{job.json()['id']}"
    await until(client, query, "JobComplete")
    trimmed = [{**row, "Description": row["Description"].strip(BLANK)} for row in rows]
    assert rows_of(await client.get(f"{query}/results"), delimiter=delimiter[1]) == trimmed
