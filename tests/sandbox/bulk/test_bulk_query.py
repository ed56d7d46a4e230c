"""Query jobs of Bulk API 2.0: what they refuse, how they go on, and what their pages hold."""

import pytest

from sandbox.org.data.identity import load_identity
from sandbox.org.faults.faults import FaultRule
from tests.sandbox.bulk_org import V, bulk_client, error, open_bulk_org, rows_of, until


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
        yield client


def make_accounts(org, count, **fields):
    with org.transaction() as tx:
        return [tx.create("Account", {"Name": f"Account {n:04d}", **fields}) for n in range(count)]


async def create(client, soql, *, version="67.0", operation="query", **options):
    body = {"operation": operation, "query": soql, **options}
    return await client.post(f"/services/data/v{version}/jobs/query", json=body)


async def completed(client, soql, **options):
    """The path of a job that has completed."""
    response = await create(client, soql, **options)
    assert response.status_code == 200, response.text
    version = options.get("version", "67.0")
    path = f"/services/data/v{version}/jobs/query/{response.json()['id']}"
    await until(client, path, "JobComplete")
    return path


async def test_a_new_job_is_upload_complete_and_then_completes(client, org):
    make_accounts(org, 3)
    response = await create(client, "SELECT Id FROM Account")
    info = response.json()
    assert response.status_code == 200
    assert info["id"].startswith("750")
    assert len(info["id"]) == 18
    assert (info["state"], info["object"], info["apiVersion"]) == ("UploadComplete", "Account", 67.0)
    assert info["createdDate"].endswith("+0000")
    assert b'"apiVersion":67.0' in response.content
    done = await until(client, f"{V}/jobs/query/{info['id']}", "JobComplete")
    assert (done["numberRecordsProcessed"], done["jobType"], done["retries"]) == (3, "V2Query", 0)
    assert done["isPkChunkingSupported"] is True
    assert org.meters.bulk_query_jobs.used == 1


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT BillingAddress FROM Account", "API_ERROR", "Selecting compound data not supported in Bulk"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR", "Aggregate Relationships"),
        ("SELECT COUNT() FROM Account", "API_ERROR", "Aggregate Relationships not supported in Bulk Query"),
        ("SELECT Type, COUNT(Id) FROM Account GROUP BY Type", "API_ERROR", "not supported in Bulk Query"),
        ("SELECT Id FROM Account LIMIT 5 OFFSET 5", "API_ERROR", "OFFSET"),
        ("SELECT TYPEOF Owner WHEN User THEN Id END FROM Case", "API_ERROR", "TYPEOF"),
        ("SELECT Id FROM TaskStatus", "INVALIDENTITY", "is not supported by the Bulk API"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE", "sObject type 'Nothing__c' is not supported"),
        ("SELECT Foo FROM Account", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'"),
        ("SELECT FROM", "MALFORMED_QUERY", "unexpected token"),
    ],
)
async def test_what_bulk_cannot_query_is_refused_at_creation(client, soql, code, words):
    response = await create(client, soql)
    assert response.status_code == 400
    assert error(response)["errorCode"] == code
    assert words in error(response)["message"]


async def test_an_unknown_option_is_refused(client):
    response = await create(client, "SELECT Id FROM Account", concurrency="Serial")
    assert (response.status_code, error(response)["errorCode"]) == (400, "JSON_PARSER_ERROR")


async def test_the_daily_number_of_jobs_is_limited(client, org):
    org.meters.bulk_query_jobs.maximum = 0
    response = await create(client, "SELECT Id FROM Account")
    assert error(response) == {
        "errorCode": "LIMIT_EXCEEDED",
        "message": "Max bulk v2 query jobs per day exceeded",
    }


async def test_pages_follow_each_other_until_the_locator_is_null(client, org):
    ids = make_accounts(org, 7)
    path = await completed(client, "SELECT Id, Name FROM Account ORDER BY Name")
    seen, locator, pages = [], "", 0
    while locator != "null":
        params = {"maxRecords": "3"} | ({"locator": locator} if locator else {})
        page = await client.get(f"{path}/results", params=params)
        again = await client.get(f"{path}/results/", params=params)
        assert page.content == again.content
        rows = rows_of(page)
        assert int(page.headers["sforce-numberofrecords"]) == len(rows)
        assert page.headers["content-type"].startswith("text/csv")
        seen += [row["Id"] for row in rows]
        locator, pages = page.headers["sforce-locator"], pages + 1
    assert (seen, pages) == (ids, 3)


async def test_an_empty_result_is_a_header(client):
    path = await completed(client, "SELECT Id, Name FROM Account")
    page = await client.get(f"{path}/results")
    assert page.content == b'"Id","Name"\n'
    assert (page.headers["sforce-numberofrecords"], page.headers["sforce-locator"]) == ("0", "null")


async def test_values_are_quoted_and_in_the_csv_dialect(client, org):
    fields = {"NumberOfEmployees": 5, "AnnualRevenue": 1.5, "LastReviewedAt__c": "2026-01-02T03:04:05+01:00"}
    parent = org.create("Account", {"Name": 'The "Parent"'})
    org.create("Account", {"Name": "A,\nb", "ParentId": parent, **fields})
    soql = (
        "SELECT Name, NumberOfEmployees, AnnualRevenue, Verified__c, LastReviewedAt__c, Parent.Name, "
        "Parent.Verified__c, Industry FROM Account ORDER BY Name"
    )
    path = await completed(client, soql, columnDelimiter="PIPE", lineEnding="CRLF")
    page = await client.get(f"{path}/results")
    assert page.content.decode() == (
        '"Name"|"NumberOfEmployees"|"AnnualRevenue"|"Verified__c"|"LastReviewedAt__c"|"Parent.Name"|'
        '"Parent.Verified__c"|"Industry"\r\n'
        '"A,\nb"|"5"|"1.5"|"false"|"2026-01-02T02:04:05.000Z"|"The ""Parent"""|"false"|""\r\n'
        '"The ""Parent"""|""|""|"false"|""|""|""|""\r\n'
    )


@pytest.mark.parametrize(("version", "header"), [("50.0", '"Name","Id"'), ("49.0", '"Id","Name"')])
async def test_columns_are_in_select_order_from_v50_on(client, version, header):
    path = await completed(client, "SELECT Name, Id FROM Account", version=version)
    assert (await client.get(f"{path}/results")).text == f"{header}\n"


async def test_query_all_has_what_is_in_the_recycle_bin(client, org):
    [kept, gone] = make_accounts(org, 2)
    org.delete("Account", gone)
    for operation, expected in (("query", [kept]), ("queryAll", [kept, gone])):
        path = await completed(client, "SELECT Id FROM Account", operation=operation)
        assert [row["Id"] for row in rows_of(await client.get(f"{path}/results"))] == expected


async def test_limit_and_order_switch_pk_chunking_off(client):
    for tail in ("LIMIT 1", "ORDER BY Id"):
        path = await completed(client, f"SELECT Id FROM Account {tail}")
        assert (await client.get(path)).json()["isPkChunkingSupported"] is False


async def test_another_version_is_409(client):
    path = await completed(client, "SELECT Id FROM Account")
    response = await client.get(path.replace("v67.0", "v60.0") + "/results")
    assert response.status_code == 409


async def test_result_pages_are_five_at_a_time_and_found_in_any_case(client, org):
    ids = make_accounts(org, 13)
    org.dials.bulk.page_rows = 2
    path = await completed(client, "SELECT Id FROM Account")
    first = (await client.get(f"{path}/resultPages")).json()
    assert (len(first["resultPages"]), first["done"]) == (5, False)
    second = (await client.get(first["nextRecordsUrl"])).json()
    assert (len(second["resultPages"]), second["done"], second["nextRecordsUrl"]) == (2, True, None)
    seen = []
    for page in first["resultPages"] + second["resultPages"]:
        seen += [row["Id"] for row in rows_of(await client.get(page["resultUrl"]))]
    assert seen == ids
    assert (await client.get(path.replace("v67.0", "v57.0") + "/resultPages")).status_code == 404


async def test_a_held_job_shows_no_results_and_can_be_aborted_but_not_deleted(client, org):
    org.dials.bulk.hold = True
    job_id = (await create(client, "SELECT Id FROM Account")).json()["id"]
    path = f"{V}/jobs/query/{job_id}"
    refused = await client.get(f"{path}/results")
    assert (refused.status_code, error(refused)["errorCode"]) == (400, "INVALIDJOBSTATE")
    aborted = await client.patch(path, json={"state": "Aborted"})
    assert (aborted.status_code, aborted.json()["state"]) == (200, "Aborted")
    assert error(await client.patch(path, json={"state": "Aborted"}))["errorCode"] == "INVALIDJOBSTATE"
    deleted = await client.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert error(await client.get(path)) == {
        "errorCode": "NOT_FOUND",
        "message": "The requested resource does not exist",
    }


async def test_a_hung_job_stays_in_progress_and_cannot_be_deleted(client, org):
    org.faults.add(FaultRule(point="bulk.job", kind="hang", match="Account"))
    path = f"{V}/jobs/query/{(await create(client, 'SELECT Id FROM Account')).json()['id']}"
    await until(client, path, "InProgress")
    assert (await client.delete(path)).status_code == 400
    await client.patch(path, json={"state": "Aborted"})


async def test_a_failing_job_says_why(client, org):
    org.faults.add(FaultRule(point="bulk.job", kind="fail", code="QUERY_TIMEOUT", message="too long"))
    path = f"{V}/jobs/query/{(await create(client, 'SELECT Id FROM Account')).json()['id']}"
    info = await until(client, path, "Failed")
    assert info["errorMessage"] == "QUERY_TIMEOUT: too long"


async def test_a_failing_page_can_be_fetched_again(client, org):
    path = await completed(client, "SELECT Id FROM Account")
    org.faults.add(FaultRule(point="bulk.page", kind="fail", status=500, times=1))
    assert (await client.get(f"{path}/results")).status_code == 500
    assert (await client.get(f"{path}/results")).status_code == 200


async def test_a_truncated_page_ends_without_its_last_part(client, org):
    make_accounts(org, 20)
    path = await completed(client, "SELECT Id, Name FROM Account")
    org.faults.add(FaultRule(point="bulk.page", kind="truncate", times=1))
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [
        (name.encode(), client.headers[name].encode()) for name in ("authorization", "accept-encoding")
    ]
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{path}/results",
        "raw_path": f"{path}/results".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
    }
    await client._transport.app(scope, receive, send)
    assert sent[0]["status"] == 200
    assert sent[-1]["more_body"] is True
    whole = await client.get(f"{path}/results")
    assert len(rows_of(whole)) == 20


@pytest.mark.parametrize("query", ["locator=x", "locator=MTAw", "maxRecords=0", "maxRecords=many"])
async def test_a_page_that_does_not_exist_is_refused(client, query):
    path = await completed(client, "SELECT Id FROM Account")
    assert (await client.get(f"{path}/results?{query}")).status_code == 400


async def test_a_job_is_gone_after_seven_days(client, org):
    path = await completed(client, "SELECT Id FROM Account")
    client._transport.app.state.bulk.jobs.find(path[-18:], "V2Query").created_ms -= 7 * 86_400_000 + 1_000
    assert (await client.get(path)).status_code == 404


async def test_a_job_that_was_deleted_while_it_stopped_stays_deleted(client, org):
    org.dials.bulk.run_seconds = 60
    path = f"{V}/jobs/query/{(await create(client, 'SELECT Id FROM Account')).json()['id']}"
    await until(client, path, "InProgress")
    await client.patch(path, json={"state": "Aborted"})
    assert (await client.delete(path)).status_code == 204
    await client._transport.app.state.bulk.stop()
    assert org.store.connection.execute("SELECT count(*) FROM sandbox_bulk_jobs").fetchone() == (0,)


async def test_the_list_shows_jobs_by_filter(client):
    await completed(client, "SELECT Id FROM Account")
    await completed(client, "SELECT Id FROM Account LIMIT 1")
    everything = (await client.get(f"{V}/jobs/query")).json()
    assert (everything["done"], everything["nextRecordsUrl"], len(everything["records"])) == (True, None, 2)
    chunked = (await client.get(f"{V}/jobs/query", params={"isPkChunkingEnabled": "true"})).json()
    assert len(chunked["records"]) == 1
    classic = (await client.get(f"{V}/jobs/query", params={"jobType": "Classic"})).json()
    assert classic["records"] == []


async def test_a_page_is_plain_for_who_cannot_unpack_it(client, org):
    make_accounts(org, 20)
    path = await completed(client, "SELECT Id, Name FROM Account")
    packed = await client.get(f"{path}/results", headers={"Accept-Encoding": "gzip"})
    plain = await client.get(f"{path}/results", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["content-length"] == str(len(plain.content))
    assert plain.content == packed.content


async def test_a_job_from_before_a_restart_is_served_and_an_unfinished_one_completes(identity, tmp_path):
    org = open_bulk_org(tmp_path, identity)
    make_accounts(org, 3)
    async with bulk_client(org) as client:
        served = await completed(client, "SELECT Id FROM Account")
        before = (await client.get(f"{served}/results")).content
        org.dials.bulk.hold = True
        held = f"{V}/jobs/query/{(await create(client, 'SELECT Name FROM Account')).json()['id']}"
    org.store.close()
    org = open_bulk_org(tmp_path, identity)
    async with bulk_client(org) as client:
        assert (await client.get(f"{served}/results")).content == before
        assert (await until(client, held, "JobComplete"))["numberRecordsProcessed"] == 3
        assert (await create(client, "SELECT Id FROM Account")).json()["id"] > held[-18:]
    org.store.close()


@pytest.mark.parametrize("number", [1e15, 0.00001, -2.5e17, 12.5, 0.0])
async def test_numbers_are_written_without_an_exponent(client, org, number):
    [account_id] = make_accounts(org, 1, RiskScore__c=1.0)
    org.store.connection.execute('UPDATE "Account" SET RiskScore__c = ? WHERE Id = ?', (number, account_id))
    path = await completed(client, "SELECT RiskScore__c FROM Account")
    [row] = rows_of(await client.get(f"{path}/results"))
    assert "e" not in row["RiskScore__c"].lower()
    assert float(row["RiskScore__c"]) == number
